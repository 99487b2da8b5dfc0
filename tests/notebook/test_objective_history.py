"""A history as pandas objects: the figures of the reports at every minute, and the known truth."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

import slo.notebook
from slo.errors import UsageError
from slo.incident import IncidentRule, find_incidents
from slo.notebook import ObjectiveHistory
from slo.report import State
from tests.analysis.histories import MONTH, START
from tests.notebook.shops import (
    BUDGET_EVENTS,
    CART_OUTAGE,
    OBJECTIVES,
    SERVICES,
    SHOP_OUTAGE,
    events_frame,
    objectives_in,
    time,
)

AT_SOME_TIMES = pytest.mark.parametrize("minute", [5, CART_OUTAGE + 3, SHOP_OUTAGE + 10, SHOP_OUTAGE + 60, MONTH])


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> ObjectiveHistory:
    files = objectives_in(tmp_path_factory.mktemp("shop"))
    return slo.notebook.load(files, data=events_frame())["shop/availability"]


def loaded_with(folder: Path, text: str) -> ObjectiveHistory:
    return slo.notebook.load(objectives_in(folder, text), data=events_frame())["shop/availability"]


def test_the_frame_has_every_minute_with_what_happened_in_it(shop: ObjectiveHistory) -> None:
    frame = shop.frame()
    assert list(frame.columns) == ["good", "bad", "total", "coverage"]
    assert isinstance(frame.index, pd.DatetimeIndex)
    assert str(frame.index.tz) == "UTC"
    assert (frame.index[0], frame.index[-1], len(frame)) == (time(1), time(MONTH), MONTH)
    assert (frame["good"] + frame["bad"] == frame["total"]).all()
    outage = frame.loc[time(SHOP_OUTAGE + 1) : time(SHOP_OUTAGE + 10)]
    assert (outage["bad"].tolist(), set(outage["total"])) == ([390] * 10, {500})
    assert frame["bad"].sum() == 1000 + 3900
    assert (frame["coverage"] == 1).all()


def test_groups_are_told_by_their_labels_and_add_up(shop: ObjectiveHistory) -> None:
    cart, frontend = (shop.frame({"service": name}) for name in ("cart", "frontend"))
    pd.testing.assert_frame_equal((cart + frontend)[["good", "bad", "total"]], shop.frame()[["good", "bad", "total"]])
    assert cart["bad"].sum() == 1300
    assert shop.report(group={"service": "cart"}).slo == 'shop/availability{service="cart"}'
    assert shop.report(group={"service": "cart"}).counts.bad == 1300


@pytest.mark.parametrize("group", [{"service": "checkout"}, {"pod": "cart"}, {"service": "cart", "pod": "a"}])
def test_a_group_that_there_is_not_is_an_error_that_names_those_that_there_are(
    shop: ObjectiveHistory, group: dict[str, str]
) -> None:
    with pytest.raises(UsageError, match=r"there are: \{'service': 'cart'\}, \{'service': 'frontend'\}"):
        shop.burn_rate(group=group)


@AT_SOME_TIMES
@pytest.mark.parametrize("window", ["5m", "1h", "6h", "3d"])
def test_burn_rates_are_those_of_the_report(shop: ObjectiveHistory, minute: int, window: str) -> None:
    burns = {burn.window_minutes: burn.burn_rate for burn in shop.report(time(minute)).burn_rates}
    expected = burns[{"5m": 5, "1h": 60, "6h": 360, "3d": 4320}[window]]
    assert shop.burn_rate(window).loc[time(minute)] == pytest.approx(expected, rel=1e-12)


@AT_SOME_TIMES
def test_the_budget_is_that_of_the_report(shop: ObjectiveHistory, minute: int) -> None:
    expected = shop.report(time(minute)).budget.remaining_ratio
    assert shop.budget(step="1m").loc[time(minute)] == pytest.approx(expected, rel=1e-12)


def test_a_calendar_budget_is_that_of_the_month_at_each_point(tmp_path: Path) -> None:
    calendar = loaded_with(tmp_path, OBJECTIVES.replace("30d", "{calendar: month, time_zone: Europe/Paris}"))
    left = calendar.budget(step="1h")
    for at in (time(1440), datetime(2026, 9, 1, 12, tzinfo=UTC), time(MONTH)):
        assert left.loc[at] == pytest.approx(calendar.report(at).budget.remaining_ratio, rel=1e-12)


def test_the_burn_down_falls_from_all_to_what_is_left(shop: ObjectiveHistory) -> None:
    left = shop.burn_down(step="1h")
    assert (left.index[0], left.index[-1]) == (time(0), time(MONTH))
    assert left.iloc[0] == 1
    assert left.is_monotonic_decreasing
    assert left.iloc[-1] == pytest.approx(shop.report().budget.remaining_ratio)
    assert left.loc[time(12_000)] == pytest.approx(1 - 1000 / BUDGET_EVENTS)


def test_incidents_and_their_bills_are_the_truth(shop: ObjectiveHistory) -> None:
    found = shop.incidents()
    assert [(row.start, row.end) for row in found.itertuples()] == [
        (time(SHOP_OUTAGE), time(SHOP_OUTAGE + 10)),
        (time(CART_OUTAGE), time(CART_OUTAGE + 10)),
    ]
    assert found["bad_events"].tolist() == [3900, 1000]
    assert found["total_events"].tolist() == [5000, 5000]
    assert found["consumed_ratio"].tolist() == pytest.approx([3900 / BUDGET_EVENTS, 1000 / BUDGET_EVENTS])
    assert found["outage_minutes"].tolist() == pytest.approx([7.8, 2.0])
    assert found["group"].tolist() == ['service="frontend" (92%)', 'service="cart" (100%)']
    assert shop.incidents(least_share="10%")["bad_events"].tolist() == [3900]
    bills = shop.bills(shop.found_incidents()[0])
    assert bills["group"].tolist() == ['service="frontend"', 'service="cart"']
    assert bills["bad_events"].tolist() == [3600, 300]
    assert bills["share_ratio"].sum() == pytest.approx(1)


def test_alerts_begin_and_end_where_the_reports_say_so(shop: ObjectiveHistory) -> None:
    pages = shop.alerts()
    quickest = pages[(pages["severity"] == "page") & (pages["long_window"] == "1h")]
    assert len(quickest) == 2

    def fires(at: datetime) -> bool:
        return shop.report(at).alerts[0].firing

    minute = timedelta(minutes=1)
    for start, end in zip(quickest["start"].dt.to_pydatetime(), quickest["end"].dt.to_pydatetime(), strict=True):
        assert [fires(start - minute), fires(start)] == [False, True]
        assert [fires(end - minute), fires(end)] == [True, False]
    # Of constant rates: 60 minutes * 14.4 * 0.1 % / 78 % = 1.1 minutes.
    assert quickest["start"].iloc[1] == time(SHOP_OUTAGE + 2)


def test_a_policy_is_named_and_scored(shop: ObjectiveHistory) -> None:
    scores = shop.backtest("sre-workbook", "pyrra-28d")
    page = scores.iloc[0]
    assert (page["policy"], page["severity"], page["long_window"]) == ("sre-workbook", "page", "1h")
    assert (page["firings"], page["precision_ratio"], page["recall_ratio"]) == (2, 1.0, 1.0)
    assert set(scores["policy"]) == {"sre-workbook", "pyrra-28d"}
    with pytest.raises(UsageError, match="no-such-policy"):
        shop.alerts("no-such-policy")


def test_the_whole_is_found_as_it_is_by_the_pure_functions(shop: ObjectiveHistory) -> None:
    objective = shop.objective
    rule = IncidentRule()
    assert shop.found_incidents() == find_incidents(
        shop.events, objective.budget_ratio, objective.window, shop.within, rule=rule
    )
    assert shop.within == (START, START + MONTH)
    assert repr(shop) == "<shop/availability: 30d until 2026-09-29 00:00 UTC>"


def test_a_target_of_everything_leaves_no_budget_to_burn(tmp_path: Path) -> None:
    strict = loaded_with(tmp_path, OBJECTIVES.replace("99.9%", "100%"))
    with pytest.raises(UsageError, match=r"shop/availability: a target of 100 % leaves no budget to burn"):
        strict.burn_rate()
    assert strict.budget().isna().all()
    assert strict.incidents().empty
    assert strict.alerts().empty
    assert strict.forecast() is None
    assert strict.report().state is State.EXHAUSTED


@pytest.mark.parametrize(
    ("window", "message"), [("x", "'x' is not a duration"), ("90s", "'90s' is not a whole number of minutes")]
)
def test_a_window_that_nobody_can_mean_is_refused(shop: ObjectiveHistory, window: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        shop.error_ratio(window)


def test_minutes_without_events_have_no_error_ratio(tmp_path: Path) -> None:
    parts = events_frame({"cart": SERVICES["cart"]})
    parts.loc[parts["time"] <= pd.Timestamp(time(600)), ["bad", "total"]] = 0
    quiet = slo.notebook.load(objectives_in(tmp_path), data=parts)["shop/availability"]
    ratios = quiet.error_ratio("5m", step="5m")
    assert ratios.loc[: time(600)].isna().all()
    assert ratios.loc[time(605) :].notna().all()


def test_a_month_is_a_part_of_the_history(shop: ObjectiveHistory) -> None:
    september = shop.month("2026-09")
    assert (september.time_zone, september.is_over) == ("UTC", False)
    assert [one.incident.bad_events for one in september.incidents] == [3900, 1000]
    assert [str(month) for month, _ in september.earlier] == ["2026-08"]
    assert shop.month("2026-09", zone="Europe/Paris").report.window.end == shop.within.end
    with pytest.raises(UsageError, match="shop/availability: the history ends before 2026-10"):
        shop.month("2026-10")
