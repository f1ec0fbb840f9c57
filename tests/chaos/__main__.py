"""`python -m tests.chaos --minutes 10 [--database mariadb] [--seed N]`: the long run; see `make chaos`."""

from __future__ import annotations

import sys

from tests.chaos.cluster import Cluster
from tests.support.hurt_cluster.command import main

if __name__ == "__main__":
    sys.exit(main("Hurt a cluster and check what it did.", Cluster))
