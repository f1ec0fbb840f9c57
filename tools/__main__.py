"""`python3 -m tools ...`; what a person types is in the Makefile."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time

from tools import debian, environments, interpreters, steps, suites


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 -m tools", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    test = commands.add_parser("test", help="run the checks, all or the named ones with what they need")
    test.add_argument("steps", nargs="*", metavar="STEP")
    commands.add_parser("test-releases", help="run the short tests of every other release of Airflow")
    packages = commands.add_parser(
        "debian", help="install the missing Debian packages that the tests need; needs root"
    )
    packages.add_argument("--venv", action="store_true", help="only what virtual environments need")
    for command, does in {
        "environment": "make it if need be",
        "pin": "move it to the newest releases",
    }.items():
        one = commands.add_parser(command, help=does)
        one.add_argument("name", choices=sorted(_of(command)))
    arguments = parser.parse_args()
    if arguments.command == "test":
        return _test(suites.steps(), arguments.steps)
    if arguments.command == "test-releases":
        return _test(suites.release_steps(), [])
    if arguments.command == "debian":
        return 0 if debian.install(_packages(only_venv=arguments.venv)) else 1
    environment = environments.ENVIRONMENTS[arguments.name]
    try:
        if arguments.command == "pin":
            print(environments.pin(environment))
        else:
            print(environments.ensure(environment))
    except interpreters.NoInterpreterError as error:
        hint = "; as root, `make debian` installs python3-venv" if debian.lacks_venv() else ""
        print(f"{error}{hint}")
        return steps.SKIPPED
    except subprocess.CalledProcessError as error:
        print(f"{error.cmd[0]} ended with exit code {error.returncode}")
        return 1
    return 0


def _of(command: str) -> list[str]:
    """The environments that a command takes."""
    known = environments.ENVIRONMENTS.values()
    return [one.name for one in known if command == "environment" or not one.like]


def _packages(*, only_venv: bool) -> list[str]:
    return [*(debian.VENV if debian.lacks_venv() else ()), *(() if only_venv else debian.SERVERS)]


def _test(chosen: list[steps.Step], names: list[str]) -> int:
    if names:
        by_name = {step.name: step for step in chosen}
        if unknown := [name for name in names if name not in by_name]:
            print(f"no step {', '.join(unknown)}; there are: {', '.join(by_name)}")
            return 2
        wanted = set(names)
        for step in reversed(chosen):  # what a step needs stands before it
            if step.name in wanted:
                wanted.update(step.needs)
        chosen = [step for step in chosen if step.name in wanted]
    started_at = time.monotonic()
    if suites.needs_servers(chosen) and (missing := debian.missing(debian.SERVERS)):
        print(f"Debian packages: going on without {' '.join(missing)}; as root, `make debian` installs them")
    # Two for each core: a step sleeps half of its time, until a deadline has passed or a server answers. The column
    # `processor` of the last table tells how much.
    jobs = int(os.environ.get("JOBS", min(4, 2 * (os.cpu_count() or 1))))
    results = steps.run(chosen, environments.ROOT, jobs)
    return steps.report(results, time.monotonic() - started_at)


if __name__ == "__main__":
    sys.exit(main())
