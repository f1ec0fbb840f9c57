"""Prints the part of CONFIG.md about the library."""

import sys

from sched_cache.config.markdown import config_markdown

sys.stdout.write(config_markdown())
