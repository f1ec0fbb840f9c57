"""A command of Airflow, run in this process."""

from __future__ import annotations

import contextlib
import functools
import io
from collections.abc import Callable
from typing import Any


@functools.cache
def _parser() -> Any:
    from airflow.cli.cli_parser import get_parser

    return get_parser()


def command(words: str, dag_id: str, run_id: str) -> Callable[[Any, str, Any], Any]:
    """A use of a DAG: the command with these words, `{d}` and `{r}` replaced; what it prints."""

    def use(host: Any, _: str, session: Any) -> str:
        arguments = [word.format(d=dag_id, r=run_id) for word in words.split()]
        parsed = _parser().parse_args(arguments)
        output = io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(io.StringIO()):
            parsed.func(parsed)
        return output.getvalue()

    return use
