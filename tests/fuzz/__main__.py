"""`python -m tests.fuzz --minutes 10`: executions, ways through the code, findings; exit code 1 if any."""

from __future__ import annotations

import argparse
import resource
import secrets
import sys
from pathlib import Path
from time import monotonic

from tests.fuzz.campaign import Campaign, reproduce
from tests.fuzz.seeds import seed_documents

_ADDRESS_SPACE_BYTES = 4 << 30
"""A claim that is believed then ends in a MemoryError, which is a finding, not in the machine's last byte."""


def main() -> int:
    """Exit code: 0 without findings, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (default: %(default)s)")
    parser.add_argument("--seed", type=int, help="of a campaign to run again (default: a new one)")
    parser.add_argument("--reproduce", type=Path, metavar="FOLDER", help="run the input of one finding again")
    arguments = parser.parse_args()
    if arguments.reproduce:
        reproduce(arguments.reproduce)
        print("no finding: the format answers as it must")
        return 0

    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE_BYTES, _ADDRESS_SPACE_BYTES))
    seed = secrets.randbits(32) if arguments.seed is None else arguments.seed
    print(f"seed {seed}", flush=True)
    campaign = Campaign(seed_documents(), seed)
    start = monotonic()
    campaign.run(lambda: monotonic() - start < arguments.minutes * 60)
    seconds = monotonic() - start
    print(f"{campaign.executions} executions in {seconds:.0f} s, {len(campaign.findings)} findings")
    for name, answers in campaign.answers.items():
        print(f"  {name}: {len(answers)} different answers")
    for finding in campaign.findings:
        print(f"{finding.target}, execution {finding.execution}: {finding.error}")
        print(f"  python -m tests.fuzz --reproduce {finding.folder}")
    return 1 if campaign.findings else 0


if __name__ == "__main__":
    sys.exit(main())
