"""Two schedulers on edited DAGs: for `SCHED_CACHE_EDITED_SECONDS`, 15 by default."""

from __future__ import annotations

import os

SECONDS = float(os.environ.get("SCHED_CACHE_EDITED_SECONDS", "15"))
NO_THROTTLE = {"AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "0"}
