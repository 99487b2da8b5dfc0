"""From the schema of a file to the values that everything else computes with."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from types import MappingProxyType

from slo.alert_policy import AlertPolicy
from slo.errors import Problem
from slo.gate import Freeze, Gate
from slo.objective import SLI, EmptySlice, LatencySLI, Objective, ProbeSLI, RatioSLI, TimeSlices
from slo.spec import schema
from slo.spec.document import Document
from slo.spec.policy import policy
from slo.window import CalendarUnit, CalendarWindow, RollingWindow, Window

_RESERVED_LABELS = frozenset({"slo", "slo_service", "severity", "long_window", "short_window"})


def build_objectives(read: schema.FileDocument, document: Document) -> tuple[list[Objective], list[Problem]]:
    """The objectives of one document, and what is wrong between its fields."""
    problems = list(_label_problems(read, document))
    try:
        alert_policy = policy(read.alerting.policy, read.alerting.runbook)
    except ValueError as error:
        return [], [*problems, document.problem(("alerting", "policy"), str(error))]
    return [_objective(read, entry, alert_policy) for entry in read.objectives], problems


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
    )


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


def _label_problems(read: schema.FileDocument, document: Document) -> Iterator[Problem]:
    """Labels meet on the series of one objective: its own, its service's, its groups' and ours."""
    for label in sorted(_RESERVED_LABELS & read.labels.keys()):
        yield document.problem(
            ("labels", label), f"the label '{label}' is set by this tool; choose another name", at_key=True
        )
    for index, entry in enumerate(read.objectives):
        where = ("objectives", index)
        for label in sorted(_RESERVED_LABELS & entry.labels.keys()):
            message = f"the label '{label}' is set by this tool; choose another name"
            yield document.problem((*where, "labels", label), message, at_key=True)
        for position, label in enumerate(entry.group_by):
            if label in _RESERVED_LABELS:
                message = f"the label '{label}' is set by this tool and cannot be a group"
                yield document.problem((*where, "group_by", position), message)
            elif label in read.labels or label in entry.labels:
                message = f"the label '{label}' is both a group and a fixed label; drop one of them"
                yield document.problem((*where, "group_by", position), message)
