"""The machine of a result, without host name, user and paths, because results are published."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

from .interpreter import CHECKOUT


def describe_machine() -> dict[str, object]:
    """Processor, cores, memory, system."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": f"{platform.system()} {platform.release()}",
    }


def load_average() -> float:
    """The load average of the last minute, which shows what else ran."""
    return round(os.getloadavg()[0], 2)


def revision() -> str:
    """The commit of the checkout, with `+` if files differ from it; empty outside a checkout."""

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(CHECKOUT), *arguments], capture_output=True, text=True, check=False
        )
        return done.stdout.strip() if done.returncode == 0 else ""

    commit = git("rev-parse", "--short=12", "HEAD")
    return commit + ("+" if commit and git("status", "--porcelain", "--untracked-files=no") else "")


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
