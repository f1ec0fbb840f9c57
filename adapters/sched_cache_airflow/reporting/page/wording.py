"""Numbers in a readable form."""

from __future__ import annotations

import re

_CONFIG_ERROR = re.compile(r": got .*, allowed: ", re.DOTALL)
_ERROR_NAME = re.compile(r"\b\w*(?:Error|Exception)\b(?=:)")


def count_in_words(n: float | None) -> str:
    """A whole number with separated thousands; `-` for None."""
    return "-" if n is None else f"{n:,.0f}"


def bytes_in_words(n_bytes: float | None) -> str:
    """A size with a unit, and at most three significant digits; `-` for None."""
    if n_bytes is None:
        return "-"
    for unit in ("B", "kB", "MB", "GB"):
        if n_bytes < 999.5 or unit == "GB":
            digits = 0 if unit == "B" or n_bytes >= 99.95 else 1
            return f"{n_bytes:,.{digits}f} {unit}"
        n_bytes /= 1000
    raise AssertionError


def seconds_in_words(seconds: float) -> str:
    """A duration in the largest unit that gives a number of one or more."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    for limit, divisor, unit in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / divisor:.0f} {unit}"
    return f"{seconds / 86_400:,.0f} days"


def percent_in_words(percent: float | None) -> str:
    """A percentage with one decimal, which is 100 % only for all."""
    if percent is None:
        return "-"
    if 99.95 <= percent < 100:
        return "> 99.9 %"
    return f"{percent:.0f} %" if percent in (0, 100) else f"{percent:.1f} %"


def short_hash(text: str | None) -> str:
    """The beginning of a hash, which suffices to distinguish two."""
    return (text or "-")[:10]


def reason_in_words(reason: str) -> str:
    """The reason why a part is off, without quoted values such as options, hosts, users and statements."""
    option = _CONFIG_ERROR.sub(": allowed: ", reason)
    if option != reason:
        return option
    error = _ERROR_NAME.search(reason)
    return f"{reason[: error.end()]}; its log says more" if error else reason
