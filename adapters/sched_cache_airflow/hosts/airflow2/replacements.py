"""The replacements in this process, made by `install`; what stands in for the host asks them for the original."""

from __future__ import annotations

from sched_cache_airflow.patching.replacement import Replacements

replacements = Replacements()
