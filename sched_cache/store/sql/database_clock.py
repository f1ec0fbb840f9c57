"""The clock of the database, the only clock that processes of several machines may compare."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import FunctionElement

_BY_DIALECT = {
    "sqlite": "CAST(strftime('%s', 'now') AS INTEGER)",
    # Not now(), which returns the start of the transaction.
    "postgresql": "CAST(extract(epoch FROM clock_timestamp()) AS BIGINT)",
    "mysql": "CAST(unix_timestamp() AS SIGNED)",
    "mariadb": "CAST(unix_timestamp() AS SIGNED)",
}


class EpochSeconds(FunctionElement[int]):
    """Whole seconds since 1970, by the clock of the database."""

    type = BigInteger()
    inherit_cache = True


@compiles(EpochSeconds)
def _compile(element: EpochSeconds, compiler: Any, **_: Any) -> str:
    return _BY_DIALECT[compiler.dialect.name]
