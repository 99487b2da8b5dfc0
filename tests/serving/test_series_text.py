"""What Prometheus scrapes: read back by its own client's parser, and compared with the report."""

from __future__ import annotations

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from slo.objective import group_id
from slo.report import Report
from slo.serving.snapshot import Snapshot

TEAM = 'a "quoted" team'


def families(snapshot: Snapshot) -> dict[str, Metric]:
    return {one.name: one for one in text_string_to_metric_families(snapshot.metrics.decode())}


def values(metric: Metric) -> dict[str, float]:
    """By the id of the objective or the group."""
    found = {}
    for one in metric.samples:
        assert (one.labels["team"], one.labels["slo_service"]) == (TEAM, "cloudshop")
        group = (("service", one.labels["service"]),) if "service" in one.labels else ()
        found[group_id(one.labels["slo"], group)] = float(one.value)
    assert len(found) == len(metric.samples)
    return found


def test_gauges_are_the_figures_of_the_report_and_absent_where_it_has_none(snapshot: Snapshot, report: Report) -> None:
    told, entries = families(snapshot), report.objectives
    for name, expected in (
        ("slo_availability_ratio", {entry.slo: entry.availability_ratio for entry in entries}),
        ("slo_budget_remaining_ratio", {entry.slo: entry.budget.remaining_ratio for entry in entries}),
        ("slo_budget_remaining_minutes", {entry.slo: entry.budget.remaining_minutes for entry in entries}),
        ("slo_coverage_ratio", {entry.slo: entry.coverage_ratio for entry in entries}),
        ("slo_data_timestamp_seconds", {entry.slo: entry.data_until and entry.data_until * 60 for entry in entries}),
    ):
        assert values(told[name]) == {slo: value for slo, value in expected.items() if value is not None}
    assert "cloudshop/silent" not in values(told["slo_availability_ratio"])


def test_burn_rates_are_told_by_window(snapshot: Snapshot, report: Report) -> None:
    samples = families(snapshot)["slo_burn_rate"].samples
    assert {one.labels["window"] for one in samples} == {"5m", "30m", "1h", "2h", "6h", "1d", "3d"}
    week = {one.labels["window"]: one.value for one in samples if one.labels["slo"] == "cloudshop/week"}
    (entry,) = [one for one in report.objectives if one.slo == "cloudshop/week"]
    assert list(week.values()) == [burn.burn_rate for burn in entry.burn_rates]


def test_counters_hold_all_events_there_are(snapshot: Snapshot, report: Report) -> None:
    told = families(snapshot)
    bad, total = values(told["slo_bad_events"]), values(told["slo_total_events"])
    for entry in report.objectives:
        if entry.slo.startswith("cloudshop/availability"):
            assert (bad[entry.slo], total[entry.slo]) == (entry.counts.bad, entry.counts.total)
        elif entry.slo != "cloudshop/silent":
            assert bad[entry.slo] >= entry.counts.bad
            assert total[entry.slo] >= entry.counts.total
    parts = [value for slo, value in total.items() if slo.startswith("cloudshop/availability{")]
    assert sum(parts) == total["cloudshop/availability"]


def test_the_target_tells_objectives_from_their_groups(snapshot: Snapshot) -> None:
    told = families(snapshot)
    whole = {slo for slo in snapshot.objectives if "{" not in slo}
    assert values(told["slo_target_ratio"]).keys() == whole
    info = {one.labels["slo"]: one.labels for one in told["slo_info"].samples}
    assert info.keys() == whole
    assert (info["cloudshop/week"]["period"], info["cloudshop/week"]["target"]) == ("7d", "99%")
