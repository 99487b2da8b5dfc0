"""From the schema of a file to the values that everything else computes with."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from types import MappingProxyType

from slo.alert_policy import AlertPolicy
from slo.gate import Freeze, Gate
from slo.objective import SLI, EmptySlice, LatencySLI, Objective, ProbeSLI, RatioSLI, TimeSlices
from slo.spec import schema
from slo.spec.policy import policy
from slo.window import CalendarUnit, CalendarWindow, RollingWindow, Window


def build_objectives(read: schema.FileDocument, folder: Path) -> list[Objective]:
    """The objectives of one document that has no problem; folder: where its file lies."""
    alert_policy = policy(read.alerting, folder)
    return [_objective(read, entry, alert_policy) for entry in read.objectives]


def build_gates(read: schema.FileDocument) -> list[Gate]:
    """The gates of one document."""
    return [
        Gate(
            name=one.name,
            objectives=tuple(
                chosen if isinstance(chosen, str) else tuple(sorted(chosen.items())) for chosen in one.objectives
            ),
            min_budget_remaining_ratio=one.min_budget_remaining,
            max_burn_rate=MappingProxyType(dict(one.max_burn_rate)),
            max_data_age_seconds=one.max_data_age * 60,
            on_unknown=MappingProxyType(_on_unknown(one)),
            freeze=tuple(Freeze(start=entry.start, end=entry.end, reason=entry.reason) for entry in one.freeze),
        )
        for one in read.gates
    ]


def _on_unknown(gate: schema.GateEntry) -> dict[str, str]:
    if isinstance(gate.on_unknown, str):
        return {"default": gate.on_unknown}
    return {"default": "deny"} | {str(cause): str(answer) for cause, answer in gate.on_unknown.items()}


def _objective(read: schema.FileDocument, entry: schema.ObjectiveEntry, alert_policy: AlertPolicy) -> Objective:
    return Objective(
        service=read.service,
        name=entry.name,
        description=entry.description,
        target_ratio=entry.target,
        window=_window(entry.window),
        sli=_sli(entry.sli),
        alert_policy=alert_policy,
        labels=MappingProxyType({**read.labels, **entry.labels}),
        min_coverage_ratio=entry.min_coverage,
        min_observed_ratio=entry.min_observed,
        group_by=tuple(entry.group_by),
        max_groups=entry.max_groups,
        time_slices=_time_slices(entry.time_slices),
        prometheus=_server_name(entry.prometheus or read.prometheus),
    )


def _server_name(name: str) -> str:
    """`default` is written where the document names another server and an objective wants the one without a name."""
    return "" if name == "default" else name


def _window(window: int | schema.Calendar) -> Window:
    if isinstance(window, int):
        return RollingWindow(window)
    return CalendarWindow(CalendarUnit(window.calendar), window.time_zone)


def _time_slices(slices: schema.Slices | None) -> TimeSlices | None:
    if slices is None:
        return None
    return TimeSlices(minutes=slices.length, target_ratio=slices.target, empty=EmptySlice(slices.empty))


def _sli(sli: schema.Sli) -> SLI:
    if sli.ratio is not None:
        return RatioSLI(total=sli.ratio.total, bad=sli.ratio.bad, good=sli.ratio.good)
    if sli.latency is not None:
        units_per_second = Decimal(1) if sli.latency.unit == "seconds" else Decimal(1000)
        return LatencySLI(histogram=sli.latency.histogram, threshold=sli.latency.threshold * units_per_second)
    assert sli.probe is not None
    comparison, value = sli.probe.good_when
    return ProbeSLI(series=sli.probe.series, comparison=comparison, value=value)
