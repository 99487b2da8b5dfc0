"""Rolling and calendar windows on the UTC minute grid."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.errors import UsageError
from slo.window import CalendarUnit, CalendarWindow, Interval, RollingWindow, datetime_of, minute_of


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def period(unit: str, zone: str, at: datetime) -> tuple[datetime, datetime]:
    found = CalendarWindow(CalendarUnit(unit), zone).period(minute_of(at))
    return datetime_of(found.start), datetime_of(found.end)


def test_a_rolling_window_ends_at_the_time_of_evaluation() -> None:
    assert RollingWindow(43_200).period(100_000) == Interval(56_800, 100_000)
    assert RollingWindow(43_200).nominal_minutes == 43_200


def test_a_rolling_window_is_at_least_a_minute() -> None:
    assert RollingWindow(1).period(5).minutes == 1
    with pytest.raises(ValueError, match="at least one minute"):
        RollingWindow(0)


@pytest.mark.parametrize(
    ("unit", "at", "start", "end"),
    [
        ("day", "2026-11-05T12:00", "2026-11-05", "2026-11-06"),
        ("week", "2026-11-05T12:00", "2026-11-02", "2026-11-09"),
        ("month", "2026-11-05T12:00", "2026-11-01", "2026-12-01"),
        ("month", "2026-12-31T23:59", "2026-12-01", "2027-01-01"),
        ("month", "2024-02-29T00:01", "2024-02-01", "2024-03-01"),
        ("quarter", "2026-11-05T12:00", "2026-10-01", "2027-01-01"),
        ("quarter", "2026-03-31T12:00", "2026-01-01", "2026-04-01"),
        ("quarter", "2026-04-01T12:00", "2026-04-01", "2026-07-01"),
        ("year", "2026-11-05T12:00", "2026-01-01", "2027-01-01"),
    ],
)
def test_a_calendar_window_is_the_period_around_the_time(unit: str, at: str, start: str, end: str) -> None:
    assert period(unit, "UTC", utc(at)) == (utc(start), utc(end))


def test_the_boundary_closes_the_period_before_it() -> None:
    assert period("month", "UTC", utc("2026-12-01")) == (utc("2026-11-01"), utc("2026-12-01"))
    assert period("month", "UTC", utc("2026-12-01T00:01")) == (utc("2026-12-01"), utc("2027-01-01"))


def test_boundaries_are_wall_clock_midnights_of_the_zone() -> None:
    assert period("month", "Europe/Paris", utc("2026-11-05")) == (utc("2026-10-31T23:00"), utc("2026-11-30T23:00"))
    assert period("day", "Asia/Kathmandu", utc("2026-11-05T12:00")) == (
        utc("2026-11-04T18:15"),
        utc("2026-11-05T18:15"),
    )


def test_months_with_a_clock_change_are_an_hour_longer_or_shorter() -> None:
    paris = CalendarWindow(CalendarUnit.MONTH, "Europe/Paris")
    assert paris.period(minute_of(utc("2026-10-10"))).minutes == 31 * 1440 + 60
    assert paris.period(minute_of(utc("2026-03-10"))).minutes == 31 * 1440 - 60


def test_a_midnight_that_the_clock_skips_begins_the_day_at_the_change() -> None:
    # Chile moved from 00:00 to 01:00 on 2023-09-03.
    start, end = period("day", "America/Santiago", utc("2023-09-03T12:00"))
    assert (start, end) == (utc("2023-09-03T04:00"), utc("2023-09-04T03:00"))


@pytest.mark.parametrize(("unit", "days"), [("day", 1), ("week", 7), ("month", 30), ("quarter", 90), ("year", 365)])
def test_calendar_windows_have_a_nominal_length_for_burn_rate_factors(unit: str, days: int) -> None:
    assert CalendarWindow(CalendarUnit(unit), "UTC").nominal_minutes == days * 1440


@given(
    st.sampled_from(list(CalendarUnit)),
    st.sampled_from(["UTC", "Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"]),
    st.integers(minute_of(utc("2000-01-02")), minute_of(utc("2037-01-01"))),
)
def test_periods_follow_one_another_without_gap_or_overlap(unit: CalendarUnit, zone: str, at: int) -> None:
    window = CalendarWindow(unit, zone)
    here = window.period(at)
    assert here.start < at <= here.end
    assert window.period(here.end) == here
    assert window.period(here.end + 1).start == here.end
    assert window.period(here.start).end == here.start
    local = datetime_of(here.start).astimezone(ZoneInfo(zone))
    assert (local - timedelta(minutes=1)).date() != local.date()


def test_an_unknown_zone_is_refused_at_once() -> None:
    with pytest.raises(KeyError):
        CalendarWindow(CalendarUnit.DAY, "Europe/Atlantis")


def test_times_are_floored_to_the_minute_and_need_a_zone() -> None:
    assert minute_of(datetime(1970, 1, 1, 0, 1, 59, 999_999, tzinfo=UTC)) == 1
    assert minute_of(datetime(1970, 1, 1, 2, 0, tzinfo=ZoneInfo("Europe/Paris"))) == 60
    assert datetime_of(61) == datetime(1970, 1, 1, 1, 1, tzinfo=UTC)
    with pytest.raises(UsageError, match="has no zone; write one, such as 2026-11-01T00:00:00Z"):
        minute_of(datetime(2026, 11, 1))  # noqa: DTZ001
