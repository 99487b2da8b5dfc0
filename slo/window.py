"""Windows: the period that a budget is for, rolling or by the calendar, on the UTC minute grid.

Minutes are whole minutes since the Unix epoch. A minute m stands for the instant m * 60 s, and the interval
(a, b] in minutes holds what happened after a and up to b: adjacent intervals share no event and miss none.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from slo.errors import UsageError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Interval(NamedTuple):
    """`(start, end]` in minutes since the epoch."""

    start: int
    end: int

    @property
    def minutes(self) -> int:
        return self.end - self.start


class CalendarUnit(Enum):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


# The length that burn-rate factors are scaled to: rules need one number, months have four.
_NOMINAL_DAYS = {
    CalendarUnit.DAY: 1,
    CalendarUnit.WEEK: 7,
    CalendarUnit.MONTH: 30,
    CalendarUnit.QUARTER: 90,
    CalendarUnit.YEAR: 365,
}


@dataclass(frozen=True, slots=True)
class RollingWindow:
    """The last `minutes` minutes before the time of evaluation."""

    minutes: int

    def __post_init__(self) -> None:
        if self.minutes < 1:
            raise ValueError("a rolling window is at least one minute long")

    @property
    def nominal_minutes(self) -> int:
        return self.minutes

    def period(self, at_minute: int) -> Interval:
        """The whole period that `at_minute` closes."""
        return Interval(at_minute - self.minutes, at_minute)


@dataclass(frozen=True, slots=True)
class CalendarWindow:
    """The calendar day, week (from Monday), month, quarter or year in an IANA zone."""

    unit: CalendarUnit
    time_zone: str

    def __post_init__(self) -> None:
        ZoneInfo(self.time_zone)

    @property
    def nominal_minutes(self) -> int:
        return _NOMINAL_DAYS[self.unit] * 1440

    def period(self, at_minute: int) -> Interval:
        """The whole calendar period with `start < at_minute <= end`; a change of clocks makes it longer or shorter."""
        zone = ZoneInfo(self.time_zone)
        # A minute belongs to the period in which it began, so a boundary closes the period before it.
        local = datetime_of(at_minute - 1).astimezone(zone)
        first = _first_day(local, self.unit)
        return Interval(
            minute_of(_midnight(first, zone)), minute_of(_midnight(_next_first_day(first, self.unit), zone))
        )


Window = RollingWindow | CalendarWindow


def _midnight(day: datetime, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def _first_day(day: datetime, unit: CalendarUnit) -> datetime:
    if unit is CalendarUnit.DAY:
        return day
    if unit is CalendarUnit.WEEK:
        return day.replace(tzinfo=None) - timedelta(days=day.weekday())
    if unit is CalendarUnit.MONTH:
        return day.replace(day=1)
    if unit is CalendarUnit.QUARTER:
        return day.replace(month=3 * ((day.month - 1) // 3) + 1, day=1)
    return day.replace(month=1, day=1)


def _next_first_day(first: datetime, unit: CalendarUnit) -> datetime:
    naive = first.replace(tzinfo=None)
    if unit is CalendarUnit.DAY:
        return naive + timedelta(days=1)
    if unit is CalendarUnit.WEEK:
        return naive + timedelta(days=7)
    months = {CalendarUnit.MONTH: 1, CalendarUnit.QUARTER: 3, CalendarUnit.YEAR: 12}[unit]
    year, month = divmod(naive.year * 12 + naive.month - 1 + months, 12)
    return naive.replace(year=year, month=month + 1, day=1)


def minute_of(at: datetime) -> int:
    """The last whole minute at or before an aware time. Raises UsageError for a time without a zone."""
    if at.utcoffset() is None:
        raise UsageError(f"the time {at.isoformat()} has no zone; write one, such as {at.isoformat()}Z for UTC")
    return (at - _EPOCH) // timedelta(minutes=1)


def datetime_of(minute: int) -> datetime:
    """The aware UTC time of a minute."""
    return _EPOCH + timedelta(minutes=minute)
