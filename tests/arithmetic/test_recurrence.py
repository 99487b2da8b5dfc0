"""Recurrence: occurrences at their hour on the clocks of a zone, and no rule that asks for unbounded work."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.recurrence import Recurrence
from slo.window import Interval, datetime_of, minute_of

PARIS = ZoneInfo("Europe/Paris")
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


def minute(text: str) -> int:
    return minute_of(datetime.fromisoformat(text))


def sundays(zone: str = "Europe/Paris") -> Recurrence:
    return Recurrence(
        rule="FREQ=WEEKLY;BYDAY=SU",
        start=datetime(2026, 1, 4, 2, 30, tzinfo=ZoneInfo(zone)),
        duration_minutes=90,
        time_zone=zone,
    )


def spans(recurrence: Recurrence, start: str, end: str) -> list[tuple[str, str]]:
    found = recurrence.within(Interval(minute(start), minute(end)))
    return [(f"{datetime_of(one.start):%m-%d %H:%M}", f"{datetime_of(one.end):%m-%d %H:%M}") for one in found]


def test_an_occurrence_keeps_its_hour_when_the_clocks_change() -> None:
    """On 2026-10-25 Paris goes from UTC+2 to UTC+1 at 03:00, and half past two comes twice: the first one is taken."""
    assert spans(sundays(), "2026-10-12T00:00:00Z", "2026-11-02T00:00:00Z") == [
        ("10-18 00:30", "10-18 02:00"),
        ("10-25 00:30", "10-25 02:00"),
        ("11-01 01:30", "11-01 03:00"),
    ]


def test_an_hour_that_clocks_skip_is_taken_as_if_they_had_not_gone_forward() -> None:
    assert spans(sundays(), "2026-03-29T00:00:00Z", "2026-03-30T00:00:00Z") == [("03-29 01:30", "03-29 03:00")]


def test_an_occurrence_that_began_before_the_interval_or_ends_after_it_is_told_whole() -> None:
    assert spans(sundays("UTC"), "2026-01-11T03:00:00Z", "2026-01-11T03:01:00Z") == [("01-11 02:30", "01-11 04:00")]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-01-11T04:00:00Z", "2026-01-12T00:00:00Z"),
        ("2026-01-11T00:00:00Z", "2026-01-11T02:30:00Z"),
        ("2025-12-28T00:00:00Z", "2026-01-04T00:00:00Z"),
    ],
    ids=["it has just ended", "it is about to begin", "before the first"],
)
def test_nothing_is_told_beside_an_occurrence(start: str, end: str) -> None:
    assert spans(sundays("UTC"), start, end) == []


def test_until_and_count_end_it_and_byhour_gives_several_a_day() -> None:
    thrice = Recurrence(rule="FREQ=DAILY;COUNT=3", start=NEW_YEAR, duration_minutes=1)
    assert len(thrice.within(Interval(minute("2026-01-01T00:00:00Z"), minute("2027-01-01T00:00:00Z")))) == 3
    until = Recurrence(rule="RRULE:FREQ=DAILY;UNTIL=20260102T120000Z", start=NEW_YEAR, duration_minutes=1)
    assert len(until.within(Interval(minute("2026-01-01T00:00:00Z"), minute("2027-01-01T00:00:00Z")))) == 2
    twice = Recurrence(rule="FREQ=DAILY;BYHOUR=9,17", start=NEW_YEAR.replace(hour=9), duration_minutes=1)
    assert len(twice.within(Interval(minute("2026-01-01T00:00:00Z"), minute("2026-01-02T00:00:00Z")))) == 2


@pytest.mark.parametrize(
    ("rule", "cure"),
    [
        ("FREQ=SECONDLY", "FREQ out of DAILY"),
        ("FREQ=MINUTELY;INTERVAL=5", "FREQ out of DAILY"),
        ("FREQ=HOURLY", "BYHOUR=9,17"),
        ("", "write for example FREQ=WEEKLY;BYDAY=SU"),
        ("every Sunday", "write for example"),
        ("FREQ=DAILY\nEXRULE:FREQ=DAILY", "write for example"),
        ("FREQ=DAILY;" + "BYDAY=MO;" * 100, "write for example"),
        ("FREQ=DAILY;BYSECOND=0,1,2", "write for example"),
        ("FREQ=DAILY;BYMINUTE=0,1,2", "one BYMINUTE"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL"),
        ("FREQ=DAILY;BYHOUR=25", "hour must be"),
        ("FREQ=DAILY;COUNT=0", "never occurs"),
        ("FREQ=DAILY;UNTIL=20200101T000000Z", "never occurs"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "never occurs"),
        ("FREQ=WEEKLY;BYDAY=XX", "no recurrence rule"),
        ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "longer FREQ than DAILY"),
        ("FREQ=MONTHLY;BYYEARDAY=366", "longer FREQ than MONTHLY"),
        ("FREQ=DAILY;INTERVAL=7;BYDAY=SA", "not both"),
    ],
)
def test_a_rule_that_is_none_is_refused_with_the_cure(rule: str, cure: str) -> None:
    with pytest.raises(ValueError, match=cure):
        Recurrence(rule=rule, start=NEW_YEAR, duration_minutes=60)


@pytest.mark.parametrize(
    ("start", "duration_minutes"),
    [
        (NEW_YEAR.replace(tzinfo=None), 60),
        (NEW_YEAR.replace(second=30), 60),
        (NEW_YEAR, 0),
        (NEW_YEAR, 31 * 1440 + 1),
    ],
)
def test_starts_and_lengths_that_do_not_fit_are_refused(start: datetime, duration_minutes: int) -> None:
    with pytest.raises(ValueError, match=r"a recurrence starts|an occurrence lasts"):
        Recurrence(rule="FREQ=DAILY", start=start, duration_minutes=duration_minutes)


@given(day=st.integers(0, 700), length=st.integers(1, 4000), duration=st.integers(1, 3000))
def test_every_day_is_found_that_a_walk_over_all_days_finds(day: int, length: int, duration: int) -> None:
    first = datetime(2026, 1, 1, 2, 30, tzinfo=PARIS)
    daily = Recurrence(rule="FREQ=DAILY", start=first, duration_minutes=duration, time_zone="Europe/Paris")
    begin = minute("2025-12-31T00:00:00Z") + day * 1440
    interval = Interval(begin, begin + length)
    walked = [minute_of(first + timedelta(days=n)) for n in range(720)]
    expected = [
        Interval(one, one + duration) for one in walked if one < interval.end and one + duration > interval.start
    ]
    assert daily.within(interval) == expected
