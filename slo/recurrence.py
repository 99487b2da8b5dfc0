"""Times that come again: a recurrence rule (RFC 5545) in a zone, as intervals on the minute grid."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from slo.window import Interval, datetime_of, minute_of

if TYPE_CHECKING:
    from dateutil.rrule import rrule

_FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_PARTS = ("FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYDAY", "BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO")
_PARTS_OF_THE_DAY = ("BYSETPOS", "BYHOUR", "BYMINUTE")
# Days of a month or year cannot be sought day by day: what never comes would be looked for until the year 9999.
_OF_LONGER = {"DAILY": ("BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYSETPOS"), "MONTHLY": ("BYYEARDAY", "BYWEEKNO")}
_OF_LONGER["WEEKLY"] = _OF_LONGER["DAILY"]
_LONGEST_RULE = 300
_MOST_MINUTES = 31 * 1440
_LOOKED_FOR = timedelta(days=5 * 366)
"""A rule that has no occurrence in so long has none that anybody waits for, such as the 30th of February."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recurrence:
    """A rule such as FREQ=WEEKLY;BYDAY=SU from a first time on, each occurrence of the same length.

    start: aware; the rule runs on the clocks of `time_zone`, so that an occurrence stays at its hour when they change;
    of an hour that comes twice then the first is taken, and one that is skipped as if it were not (PEP 495).
    Raises ValueError with what to write instead for a rule that is none, never occurs, or is finer than daily.
    """

    rule: str
    start: datetime
    duration_minutes: int
    time_zone: str = "UTC"
    _parsed: rrule = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.start.utcoffset() is None or self.start.second or self.start.microsecond:
            raise ValueError("a recurrence starts at a whole minute of a zone")
        if not 1 <= self.duration_minutes <= _MOST_MINUTES:
            raise ValueError("an occurrence lasts from one minute to 31 days")
        start = self.start.astimezone(ZoneInfo(self.time_zone)).replace(tzinfo=None)
        parsed = _parsed_rule(self.rule, start)
        first = next(iter(parsed), None)
        if first is None or first > start + _LOOKED_FOR:
            raise ValueError(f"the rule {self.rule!r} never occurs in the five years after its start")
        object.__setattr__(self, "_parsed", parsed)

    def within(self, interval: Interval) -> list[Interval]:
        """The occurrences that overlap an interval, in the order of time; those that overlap each other stay apart."""
        zone = ZoneInfo(self.time_zone)
        # A day more on each side, as wall clocks are up to a day from UTC.
        earliest = _wall(interval.start - self.duration_minutes) - timedelta(days=1)
        latest = _wall(interval.end) + timedelta(days=1)
        found = (self._interval(each, zone) for each in self._between(earliest, latest))
        return [each for each in found if each.start < interval.end and each.end > interval.start]

    def _between(self, earliest: datetime, latest: datetime) -> Iterator[datetime]:
        return takewhile(lambda each: each <= latest, self._parsed.xafter(earliest, inc=True))

    def _interval(self, wall: datetime, zone: ZoneInfo) -> Interval:
        start = minute_of(wall.replace(tzinfo=zone).astimezone(UTC))
        return Interval(start, start + self.duration_minutes)


def _parsed_rule(rule: str, start: datetime) -> rrule:
    from dateutil.rrule import rrulestr  # 20 ms that only files with recurrences need

    text = rule.strip().upper().removeprefix("RRULE:")
    parts = dict(part.partition("=")[::2] for part in text.split(";"))
    known = (*_PARTS, *_PARTS_OF_THE_DAY)
    if len(rule) > _LONGEST_RULE or not re.fullmatch(r"[A-Z0-9=;,+:-]+", text) or not parts.keys() <= set(known):
        raise ValueError(f"{rule[:60]!r} is no recurrence rule; write for example FREQ=WEEKLY;BYDAY=SU")
    if parts.get("FREQ") not in _FREQUENCIES:
        raise ValueError(f"a recurrence has a FREQ out of {', '.join(_FREQUENCIES)}; several times a day: BYHOUR=9,17")
    if "," in parts.get("BYMINUTE", ""):
        raise ValueError("a recurrence comes once an hour at most: write one BYMINUTE")
    if not re.fullmatch("[1-9][0-9]{0,2}", parts.get("INTERVAL", "1")):
        raise ValueError("INTERVAL is a whole number from 1 to 999")
    if too_long := [part for part in _OF_LONGER.get(parts["FREQ"], ()) if part in parts]:
        raise ValueError(f"{too_long[0]} needs a longer FREQ than {parts['FREQ']}, such as FREQ=YEARLY")
    if parts["FREQ"] == "DAILY" and "BYDAY" in parts and parts.get("INTERVAL", "1") != "1":
        raise ValueError("FREQ=DAILY has a BYDAY or an INTERVAL, not both: write FREQ=WEEKLY for every second Friday")
    try:
        return rrulestr(_until_without_zone(text), dtstart=start, cache=False)  # type: ignore[return-value]
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"{rule[:60]!r} is no recurrence rule: {error}") from None


def _until_without_zone(text: str) -> str:
    """UNTIL is compared on the zone's clocks, as the start is."""
    return re.sub(r"(UNTIL=\d{8}T\d{6})Z", r"\1", text)


def _wall(minute: int) -> datetime:
    return datetime_of(minute).replace(tzinfo=None)
