"""Scores of an alert policy over a history of known truth."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from slo.alert_policy import AlertPolicy, WindowPair
from slo.backtest import AlertScore, Backtest, backtest, labelled_event, significant_events
from slo.events import EventSeries
from slo.incident import IncidentRule
from slo.source.fleet import Episode
from slo.window import Interval
from tests.analysis.histories import DAY, MONTH, START, fleet, history, interval_of
from tests.arithmetic.objectives import POLICY, objective

FAST = WindowPair(severity="page", long_minutes=60, short_minutes=5, budget_share=Fraction(2, 100))
ONE = AlertPolicy(name="one", pairs=(FAST,), needs_evidence=False)


def outcome(
    events: EventSeries, *labels: tuple[int, int], policy: AlertPolicy = ONE, target: str = "0.999"
) -> Backtest:
    """A policy against labels, minutes from START, else against the incidents that are found."""
    one, within = objective(target), Interval(START, events.end)
    if labels:
        significant = [
            labelled_event(one, events, Interval(START + begin, START + end), f"number {number}")
            for number, (begin, end) in enumerate(labels, start=1)
        ]
        return backtest(one, policy, events, within, significant)
    found = significant_events(one, events, within, IncidentRule())
    return backtest(one, policy, events, within, found)


def score(events: EventSeries, *labels: tuple[int, int]) -> AlertScore:
    return outcome(events, *labels).scores[0]


def test_an_outage_is_detected_in_the_time_and_for_the_budget_that_theory_says() -> None:
    """5 % bad: 60 * 14.4 * 0.001 / 0.05 = 17.28 minutes, reset 5 * (1 - 0.288) = 3.56, each to the next minute."""
    found = score(history(MONTH, (1000, 120, 0.05)))
    (one,) = found.detections
    assert (one.detection_minutes, one.reset_minutes) == (18, 4)
    assert one.spent_ratio == pytest.approx(18 * 0.05 / 43.2)
    assert one.event.interval == Interval(START + 1000, START + 1120)
    assert one.event.consumed_ratio == pytest.approx(120 * 0.05 / 43.2)
    assert (found.precision_ratio, found.recall_ratio, found.a_month) == (1.0, 1.0, 1.0)
    assert (found.unmatched, found.missed) == ((), ())
    assert (found.median_detection_minutes(), found.median_reset_minutes()) == (18, 4)
    assert found.median_spent_ratio() == one.spent_ratio


def test_a_firing_without_an_event_costs_precision_and_is_listed() -> None:
    found = score(history(MONTH, (1000, 60, 1.0), (9000, 2, 0.9)), (1000, 1060))
    assert (found.precision_ratio, found.recall_ratio, found.a_month) == (0.5, 1.0, 2.0)
    assert found.unmatched == (Interval(START + 9001, START + 9007),)


def test_an_event_without_a_firing_costs_recall_and_is_listed() -> None:
    found = score(history(MONTH, (1000, 60, 1.0), (9000, 1000, 0.004)), (1000, 1060), (9000, 10_000))
    assert (found.precision_ratio, found.recall_ratio) == (1.0, 0.5)
    assert [one.name for one in found.missed] == ["number 2"]
    assert found.detections[1].detection_minutes is found.detections[1].spent_ratio is None


def test_without_firings_or_events_the_ratios_are_undefined() -> None:
    quiet = score(history(MONTH))
    assert quiet.precision_ratio is quiet.recall_ratio is quiet.median_detection_minutes() is None
    assert quiet.a_month == 0.0


def test_a_label_that_begins_late_is_detected_at_once_and_one_of_no_harm_is_missed() -> None:
    found = score(history(MONTH, (1000, 60, 1.0)), (1030, 1060), (20_000, 20_010))
    assert [one.detection_minutes for one in found.detections] == [0, None]
    assert found.detections[0].spent_ratio == 0.0
    assert found.detections[1].event.bad_events == 0


def test_an_alert_that_falls_silent_before_the_event_ends_has_a_negative_reset() -> None:
    found = score(history(MONTH, (1000, 10, 1.0)), (1000, 1100))
    assert found.detections[0].reset_minutes == 15 - 100


def test_an_event_that_flaps_is_one_detection_and_its_reset_is_that_of_the_last_firing() -> None:
    found = score(history(MONTH, (1000, 10, 1.0), (1025, 10, 1.0)))
    assert [one.event.interval for one in found.detections] == [Interval(START + 1000, START + 1035)]
    assert (len(found.firings), found.detections[0].reset_minutes) == (2, 5)


def test_what_still_fires_at_the_end_has_no_reset_yet() -> None:
    found = score(history(MONTH, (MONTH - 30, 30, 1.0)))
    assert found.detections[0].detection_minutes == 1
    assert found.detections[0].reset_minutes is None


def test_a_severity_is_scored_as_a_whole_and_firings_at_once_are_one_page() -> None:
    result = outcome(history(MONTH, (1000, 120, 0.5)), policy=POLICY)
    rows = [(one.severity, one.long_minutes, len(one.firings)) for one in result.scores]
    assert rows == [
        ("page", 60, 1),
        ("page", 360, 1),
        ("ticket", 1440, 1),
        ("ticket", 4320, 1),
        ("page", None, 1),
        ("ticket", None, 1),
    ]
    page = result.scores[4]
    assert page.firings[0].start == min(one.firings[0].start for one in result.scores[:2])
    assert page.firings[0].end == max(one.firings[0].end for one in result.scores[:2])


@pytest.mark.parametrize("seed", range(3))
def test_on_a_fleet_every_severe_incident_pages_and_nothing_else_does(seed: int) -> None:
    episodes = [Episode(day * 6 * DAY + 777, 45, 0.5) for day in range(15)]
    events = fleet(*episodes, days=90, seed=seed, requests_per_second=50.0, peak_to_trough=5.0).happened
    result = outcome(events, policy=POLICY)
    page = result.scores[4]
    assert len(page.detections) == len(episodes)
    assert (page.precision_ratio, page.recall_ratio) == (1.0, 1.0)
    for one, episode in zip(page.detections, episodes, strict=True):
        assert abs(one.event.interval.start - interval_of(episode).start) <= 5
        assert one.detection_minutes is not None
        assert one.detection_minutes <= 6


def test_without_a_budget_nothing_fires_and_labels_are_missed() -> None:
    found = outcome(history(MONTH, (1000, 60, 1.0)), (1000, 1060), target="1").scores[0]
    assert (found.firings, found.recall_ratio) == ((), 0.0)
    assert found.missed[0].consumed_ratio is None


def test_a_wait_of_the_policy_delays_detection_by_as_much() -> None:
    waiting = replace(POLICY, page=replace(POLICY.page, for_minutes=7))
    quick, slow = (
        outcome(history(MONTH, (1000, 120, 0.5)), policy=policy).scores[0].detections[0].detection_minutes
        for policy in (POLICY, waiting)
    )
    assert quick is not None
    assert slow == quick + 7
