"""Dates as whole microseconds since the epoch, so that a column of them is an array."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Final

NO_TIME: Final = -(1 << 63)
"""The value for no date."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND: Final = timedelta(microseconds=1)


def microseconds_of(date: datetime | None) -> int:
    """Microseconds since the epoch of an aware `date`, exact; `NO_TIME` for None."""
    return NO_TIME if date is None else (date - _EPOCH) // _MICROSECOND


def date_of(microseconds: int) -> datetime | None:
    """The date in UTC; None for `NO_TIME`."""
    return None if microseconds == NO_TIME else _EPOCH + microseconds * _MICROSECOND


FIRST: Final = microseconds_of(datetime.min.replace(tzinfo=timezone.utc))
LAST: Final = microseconds_of(datetime.max.replace(tzinfo=timezone.utc))
"""The range that `date_of` takes, both ends included."""
