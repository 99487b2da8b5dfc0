"""evaluate: from events to figures, states and reasons."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from slo.errors import SourceError, UsageError
from slo.events import EventSeries, WindowCounts
from slo.objective import EmptySlice, TimeSlices
from slo.report import ObjectiveReport, Reason, State, evaluate, unavailable
from slo.window import CalendarUnit, CalendarWindow, Interval, RollingWindow, datetime_of, minute_of
from tests.arithmetic.objectives import DAY, objective, steady

NOW = datetime(2026, 11, 1, tzinfo=UTC)
END = minute_of(NOW)
START = END - 30 * DAY


def codes(report: ObjectiveReport) -> list[str]:
    return [reason.code for reason in report.reasons]


def with_bad(minutes: slice, per_minute: float, *, total: float = 100.0) -> EventSeries:
    """Thirty days of steady traffic, failing in the given minutes (from the start or, if negative, the end)."""
    bad = np.zeros(30 * DAY)
    bad[minutes] = per_minute
    return EventSeries.from_minutes(START, bad, np.full(30 * DAY, total), np.ones(30 * DAY))


def test_a_quiet_month_is_ok_with_every_figure() -> None:
    report = evaluate(objective(), with_bad(slice(0, 1000), 1.0), at=NOW)
    assert report.slo == "cloudshop/availability"
    assert report.service == "cloudshop"
    assert report.target_ratio == Decimal("0.999")
    assert (report.window_kind, report.window, report.period_end) == ("rolling", Interval(START, END), END)
    assert report.counts == WindowCounts(4_319_000, 1000, 43_200.0)
    assert report.error_ratio == 1000 / 4_320_000
    assert report.availability_ratio == 4_319_000 / 4_320_000
    assert report.budget.consumed_ratio == 1000 / 4320
    assert report.budget.total_minutes == 43.2
    assert report.budget.remaining_minutes == pytest.approx(33.2)
    assert report.projected_budget is None
    assert (report.coverage_ratio, report.observed_ratio, report.data_until) == (1.0, 1.0, END)
    assert (report.state, report.reasons, report.group) == (State.OK, (), ())


def test_burn_rates_are_given_for_every_window_of_the_policy() -> None:
    report = evaluate(objective(), with_bad(slice(-30, None), 1.0), at=NOW)
    found = {rate.window_minutes: (rate.bad_events, rate.total_events, rate.burn_rate) for rate in report.burn_rates}
    assert found == {
        5: (5, 500, 10.0),
        30: (30, 3000, 10.0),
        60: (30, 6000, 5.0),
        120: (30, 12_000, 2.5),
        360: (30, 36_000, pytest.approx(30 / 36)),
        1440: (30, 144_000, pytest.approx(30 / 144)),
        4320: (30, 432_000, pytest.approx(30 / 432)),
    }
    assert [rate.window_minutes for rate in report.burn_rates] == sorted(found)


def test_an_outage_burns_and_says_which_alert() -> None:
    report = evaluate(objective(), with_bad(slice(-20, None), 10.0), at=NOW)
    assert report.state is State.BURNING
    assert [(alert.long_minutes, alert.firing) for alert in report.alerts] == [
        (60, True),
        (360, False),
        (1440, False),
        (4320, False),
    ]


def test_an_overspent_budget_is_exhausted_even_while_it_burns() -> None:
    report = evaluate(objective(), with_bad(slice(-100, None), 100.0), at=NOW)
    assert any(alert.firing for alert in report.alerts)
    assert report.state is State.EXHAUSTED
    assert report.budget.remaining_ratio == pytest.approx(1 - 10_000 / 4320)


def test_no_data_at_all_is_a_state_without_figures() -> None:
    report = evaluate(objective(), EventSeries.empty(), at=NOW)
    assert report.state is State.NO_DATA
    assert codes(report) == ["no_data"]
    assert (
        report.availability_ratio is report.error_ratio is report.budget.remaining_minutes is report.data_until is None
    )
    assert (report.coverage_ratio, report.observed_ratio) == (0.0, 0.0)
    assert {rate.burn_rate for rate in report.burn_rates} == {None}
    assert not any(alert.firing for alert in report.alerts)


def test_data_that_end_before_the_window_or_begin_after_it_are_no_data() -> None:
    before = evaluate(objective(), steady(DAY, start=START - 2 * DAY), at=NOW)
    assert (before.state, before.observed_ratio, before.coverage_ratio) == (State.NO_DATA, 1.0, 0.0)
    assert before.data_until == START - DAY
    after = evaluate(objective(), steady(DAY, start=END), at=NOW)
    assert (after.state, after.observed_ratio) == (State.NO_DATA, 0.0)


def test_series_without_a_single_event_are_no_traffic() -> None:
    report = evaluate(objective(), steady(30 * DAY, total=0, start=START), at=NOW)
    assert (report.state, report.availability_ratio, report.budget.consumed_ratio) == (State.NO_TRAFFIC, None, None)


@pytest.mark.parametrize(
    ("days", "state", "text"),
    [
        (2, State.INSUFFICIENT_DATA, "2 of 30 days seen"),
        (2.5, State.INSUFFICIENT_DATA, "2.5 of 30 days seen"),
        (3, State.OK, "3 of 30 days seen"),
        (15, State.OK, "15 of 30 days seen"),
        (0.5, State.INSUFFICIENT_DATA, "12h of 30d seen"),
        (29.99, State.OK, "29d23h46m of 30d seen"),
    ],
)
def test_a_young_service_tells_how_much_was_seen(days: float, state: State, text: str) -> None:
    minutes = round(days * DAY)
    report = evaluate(objective(), steady(minutes, bad=0.05, start=END - minutes), at=NOW)
    assert report.state is state
    assert report.observed_ratio == minutes / (30 * DAY)
    assert report.coverage_ratio == 1.0
    assert report.reasons == (Reason(code="young", message=text, observed=minutes / 43_200, threshold=0.1),)
    assert report.error_ratio == pytest.approx(0.0005, rel=2e-4)


def test_windows_that_are_not_whole_days_are_told_in_hours() -> None:
    report = evaluate(objective(window=RollingWindow(90)), steady(45, start=END - 45), at=NOW)
    assert report.reasons[0].message == "45m of 1h30m seen"


def test_coverage_below_the_minimum_is_insufficient_whatever_the_budget() -> None:
    covered = np.ones(30 * DAY)
    covered[100 : 100 + 3 * DAY + 1] = 0
    events = EventSeries.from_minutes(START, np.zeros(30 * DAY), np.ones(30 * DAY), covered)
    report = evaluate(objective(), events, at=NOW)
    assert report.state is State.INSUFFICIENT_DATA
    assert report.coverage_ratio == pytest.approx((27 * DAY - 1) / (30 * DAY))
    assert report.reasons[0].code == "coverage"
    assert report.reasons[0].message == "89.9 % of the time since the first observation was seen, 90 % is required"
    assert (report.reasons[0].observed, report.reasons[0].threshold) == (report.coverage_ratio, 0.9)


def test_coverage_at_the_minimum_suffices() -> None:
    covered = np.ones(30 * DAY)
    covered[100 : 100 + 3 * DAY] = 0
    events = EventSeries.from_minutes(START, np.zeros(30 * DAY), np.ones(30 * DAY), covered)
    assert evaluate(objective(), events, at=NOW).state is State.OK


def test_coverage_is_measured_since_the_first_observation() -> None:
    covered = np.ones(10 * DAY)
    covered[5 * DAY :] = 0.5
    events = EventSeries.from_minutes(END - 10 * DAY, np.zeros(10 * DAY), np.ones(10 * DAY), covered)
    report = evaluate(objective(), events, at=NOW)
    assert report.coverage_ratio == 0.75
    assert report.observed_ratio == pytest.approx(1 / 3)


def test_data_that_ended_over_an_hour_ago_are_stale() -> None:
    stale = evaluate(objective(), steady(30 * DAY, start=START - 61), at=NOW)
    assert (stale.state, codes(stale)) == (State.INSUFFICIENT_DATA, ["stale"])
    assert stale.reasons[0].message == "the data end at 2026-10-31 22:59 UTC, 1h1m before"
    assert (stale.reasons[0].observed, stale.reasons[0].threshold) == (61, 60)
    recent = evaluate(objective(), steady(30 * DAY, start=START - 60), at=NOW)
    assert (recent.state, codes(recent)) == (State.OK, [])


@pytest.mark.parametrize(("bad", "state"), [(0.0, State.OK), (1.0, State.EXHAUSTED)])
def test_a_target_of_100_percent_is_ok_or_exhausted(bad: float, state: State) -> None:
    report = evaluate(objective("1"), with_bad(slice(-3, -2), bad), at=NOW)
    assert (report.state, codes(report)) == (state, ["zero_budget"])
    assert report.budget.total_minutes == 0
    assert {rate.burn_rate for rate in report.burn_rates} == {None}


def test_a_calendar_month_ends_now_and_is_projected_to_its_end() -> None:
    month = objective(window=CalendarWindow(CalendarUnit.MONTH, "UTC"))
    at = datetime(2026, 11, 11, tzinfo=UTC)
    events = EventSeries.from_minutes(END, np.full(10 * DAY, 0.05), np.full(10 * DAY, 100.0), np.ones(10 * DAY))
    report = evaluate(month, events, at=at)
    assert (report.window_kind, report.window, report.period_end) == (
        "calendar",
        Interval(END, END + 10 * DAY),
        END + 30 * DAY,
    )
    assert report.budget.consumed_ratio == pytest.approx(0.5)
    assert report.budget.total_minutes == 43.2
    assert report.budget.remaining_minutes == pytest.approx(21.6)
    assert report.projected_budget is not None
    assert report.projected_budget.total_events == pytest.approx(4320)
    assert report.projected_budget.consumed_ratio == pytest.approx(0.5 / 3)
    assert report.projected_budget.remaining_minutes == pytest.approx(36.0)
    assert (report.observed_ratio, report.state) == (1.0, State.OK)


def test_a_finished_calendar_month_is_its_own_projection() -> None:
    month = objective(window=CalendarWindow(CalendarUnit.MONTH, "UTC"))
    report = evaluate(month, with_bad(slice(0, 10), 100.0), at=NOW)
    assert report.window.minutes == 31 * DAY
    assert report.projected_budget == report.budget


def test_factors_follow_the_window() -> None:
    week = evaluate(objective(window=RollingWindow(7 * DAY)), steady(7 * DAY, start=END - 7 * DAY), at=NOW)
    assert [alert.factor for alert in week.alerts] == [3.36, 1.4, 1.0, 1.0]


def test_time_slices_are_made_of_events_once() -> None:
    sliced = objective(time_slices=TimeSlices(minutes=1, target_ratio=Decimal("0.95"), empty=EmptySlice.EXCLUDE))
    report = evaluate(sliced, with_bad(slice(0, 10), 6.0), at=NOW)
    assert report.counts == WindowCounts(43_190, 10, 43_200.0)
    assert report.budget.remaining_minutes == pytest.approx(33.2)


def test_a_group_has_an_id_of_its_own_and_reasons_are_passed_on() -> None:
    note = Reason(code="source_warning", message="partial answer")
    report = evaluate(
        objective(group_by=("service",)),
        with_bad(slice(0, 1), 0),
        at=NOW,
        group=(("service", 'a"b\\c\n'),),
        reasons=[note],
    )
    assert report.slo == 'cloudshop/availability{service="a\\"b\\\\c\\n"}'
    assert report.group == (("service", 'a"b\\c\n'),)
    assert report.reasons == (note,)


def test_times_are_floored_to_the_minute_and_must_have_a_zone() -> None:
    events = with_bad(slice(0, 1), 0)
    assert evaluate(objective(), events, at=NOW + timedelta(seconds=59)) == evaluate(objective(), events, at=NOW)
    with pytest.raises(UsageError, match="has no zone"):
        evaluate(objective(), events, at=datetime(2026, 11, 1))  # noqa: DTZ001


def test_an_objective_whose_data_could_not_be_had_is_no_data_and_says_why() -> None:
    report = unavailable(objective(), SourceError("Prometheus cannot be reached"), at=datetime_of(END))
    assert report.state is State.NO_DATA
    assert report.reasons == (Reason(code="source_error", message="Prometheus cannot be reached"),)
    assert report.counts.total == 0
