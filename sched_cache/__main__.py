"""`python -m sched_cache`, the same as `sched-cache`."""

import sys

from sched_cache.cli import main

sys.exit(main())
