"""`python -m tests.airflow3.figures [NAME ...]`: the promised figures of memory and time, beside stock."""

from __future__ import annotations

import sys

from tests.hosts.figures import FIGURES, main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], child="tests.airflow3.figures.child", known=tuple(FIGURES)))
