"""`python -m tests.airflow2.figures [NAME ...]`: the promised figures of memory and time on 2.11, beside stock.

The same figures as those of Airflow 3, and the same promises.
"""

from __future__ import annotations

import sys

from tests.airflow2.figures.child import CHILDREN
from tests.hosts.figures import FIGURES, main

if __name__ == "__main__":
    measured = [name for name in FIGURES if name in CHILDREN]
    options = {"AIRFLOW__METRICS__TIMER_UNIT_CONSISTENCY": "True"}
    sys.exit(main(sys.argv[1:], child="tests.airflow2.figures.child", known=measured, options=options))
