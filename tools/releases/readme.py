"""README's table of the Airflow releases that are served, written from `releases.py` and the known code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sched_cache_airflow.patching.code_table import CodeTable, file_of
from sched_cache_airflow.releases import RELEASES, Release
from tools.environments import ROOT
from tools.releases.packages import order_of

README = ROOT / "README.md"

_BEGIN = "<!-- releases, written by `make releases` -->\n"
_END = "<!-- end of releases -->\n"
_HEADER = """\
| Airflow | tested | same code | DAGs, freshness, `doctor`, metrics | decisions, run creation | page in the UI |
|---|---|---|---|---|---|
"""


def rows() -> Iterator[str]:
    """A row for each minor release, then one for all that are not served."""
    for release in sorted(RELEASES, key=lambda release: order_of(release.tested[-1]), reverse=True):
        same = [name for name in _with_tested_code(release) if name not in release.tested]
        page = "yes" if release.host.name == "airflow3" else "Airflow 2 shows none"
        yield (
            f"| {release.prefix}x | {', '.join(release.tested)} | {', '.join(same) or '-'} | yes |"
            f" tested and same code | {page} |\n"
        )
    yield "| others | - | - | no: the plugin stays off, the library, `sched-cache` and `simple_dag` work | no | no |\n"


def text_with_table(text: str) -> str:
    """The text of README with the current table."""
    before, _, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    assert end, f"README.md has no line {_BEGIN.strip()}"
    return f"{before}{_BEGIN}{_HEADER}{''.join(rows())}{_END}{after}"


def write(file: Path = README) -> None:
    file.write_text(text_with_table(file.read_text(encoding="utf-8")), encoding="utf-8")


def _with_tested_code(release: Release) -> Iterator[str]:
    """The patch releases, without pre-releases, all of whose pinned code is that of a tested one."""
    table = CodeTable.read(file_of(release.host))
    known = {same for name in release.host.tested for same in table.like(name, table.code)}
    return (
        name
        for name in table.releases
        if name.startswith(release.prefix) and order_of(name)[3] == "z" and name in known
    )
