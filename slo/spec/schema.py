"""The shape of an objective file: every key, its form, and what it is without being written.

What must hold between keys is in checks.py, so that a mistake within one of them hides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from slo.alert_policy import ABSENT, Notification
from slo.gate import NO_WARNINGS, BurnLimit, Freeze, Gate, WarnLevel
from slo.governance import ChaosRules
from slo.objective import SLI, EmptySlice, LatencySLI, ProbeSLI, RatioSLI, TimeSlices
from slo.recurrence import Recurrence
from slo.selector import Selector
from slo.spec import values
from slo.spec.reading import Keys, converted, dict_of, list_of, one_of, optional, required, text_or_mapping
from slo.veto import Veto
from slo.window import CalendarUnit, CalendarWindow, RollingWindow

Labels = Mapping[str, str]
_NO_LABELS: Labels = MappingProxyType({})


def _distinct(labels: list[str]) -> tuple[str, ...]:
    if len(set(labels)) != len(labels):
        raise ValueError("each label can stand here only once")
    return tuple(labels)


def _burn_limits(pairs: list[tuple[tuple[int, int | None], Decimal]]) -> tuple[BurnLimit, ...]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("two of these windows are equally long; keep one")
    return tuple(
        BurnLimit(long_minutes=long, short_minutes=short, max_burn_rate=limit) for (long, short), limit in pairs
    )


def _labels(pairs: list[tuple[str, str]]) -> Labels:
    return MappingProxyType(dict(pairs))


def _label_set(pairs: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(pairs))


def _calendar(calendar: str, time_zone: str) -> CalendarWindow:
    return CalendarWindow(CalendarUnit(calendar), time_zone)


def _time_slices(length: int, target: Decimal, empty: str) -> TimeSlices:
    return TimeSlices(minutes=length, target_ratio=target, empty=EmptySlice(empty))


def _ratio(total: Selector, bad: Selector | None, good: Selector | None) -> RatioSLI | None:
    """None where not exactly one of them is named, which the checks tell of."""
    return RatioSLI(total=total, bad=bad, good=good) if (bad is None) != (good is None) else None


def _latency(histogram: Selector, threshold: Decimal, unit: str) -> LatencySLI:
    return LatencySLI(histogram=histogram, threshold=threshold * (1 if unit == "seconds" else 1000))


def _probe(series: Selector, good_when: tuple[Any, float]) -> ProbeSLI:
    comparison, value = good_when
    return ProbeSLI(series=series, comparison=comparison, value=value)


def _sli(ratio: RatioSLI | None, latency: LatencySLI | None, probe: ProbeSLI | None) -> SLI | None:
    return ratio or latency or probe


def _freeze(
    start: datetime, end: datetime | None, duration: int | None, rrule: str, time_zone: str, reason: str
) -> Freeze:
    """Once from start to end, or by a rule; times without an offset are on the clocks of `time_zone`."""
    start, end = _placed(start, time_zone), _placed(end, time_zone) if end else None
    if (end is None) == (duration is None):
        raise ValueError("write either the end or the duration")
    end = end or start + timedelta(minutes=duration or 0)
    if end <= start:
        raise ValueError("a freeze ends after its start")
    if not rrule:
        return Freeze(start=start, end=end, reason=reason)
    minutes = (end - start) // timedelta(minutes=1)
    recurrence = Recurrence(rule=rrule, start=start, duration_minutes=minutes, time_zone=time_zone or "UTC")
    return Freeze(start=start, end=end, reason=reason, recurrence=recurrence)


def _placed(time: datetime, time_zone: str) -> datetime:
    if time.tzinfo is None and not time_zone:
        raise ValueError(f"the time {time.isoformat()} has no zone; write {time.isoformat()}Z, or time_zone beside it")
    return (time if time.tzinfo else time.replace(tzinfo=ZoneInfo(time_zone))).astimezone(UTC)


def _gate(max_data_age: int, evidence: str, on_unknown: Mapping[str, str], **fields: Any) -> Gate:
    return Gate(
        max_data_age_seconds=max_data_age * 60,
        needs_evidence=evidence == "binomial",
        on_unknown=MappingProxyType({"default": "deny", **on_unknown}),
        **fields,
    )


def _vetoes(found: list[Veto]) -> tuple[Veto, ...]:
    if len({veto.name for veto in found}) < len(found):
        raise ValueError("two vetoes have the same name; choose another one")
    return tuple(found)


def _chaos(max_duration: int | None, **fields: Any) -> ChaosRules:
    return ChaosRules(max_duration_seconds=max_duration * 60 if max_duration else None, **fields)


TEXT = converted(values.as_long_text)
NAME = converted(values.as_text, values.as_name)
LABEL_NAME = converted(values.as_text, values.as_label_name)
LABELS = dict_of(LABEL_NAME, TEXT, convert=_labels)
MINUTES = converted(values.as_whole_minutes)
WAIT = converted(values.as_wait_minutes)
TRUTH = converted(values.as_bool)
LINK = converted(values.as_text, values.as_link)
SHARE = converted(values.as_share)
TARGET = converted(values.as_target)
SELECTOR = converted(values.as_selector)
CAUSES = ("stale", "no_data", "young", "coverage", "no_traffic", "insufficient", "no_objective", "veto")
"""Why a gate may not know."""
_MOST_FREEZES = 100
_MOST_VETOES = 20
_MOST_LISTED = 1000

CALENDAR = Keys(
    _calendar,
    {
        "calendar": required(one_of("day", "week", "month", "quarter", "year")),
        "time_zone": optional(converted(values.as_text, values.as_zone), "UTC"),
    },
)
SLICES = Keys(
    _time_slices,
    {
        "length": required(converted(values.as_slice_length)),
        "target": required(TARGET),
        "empty": required(one_of("good", "bad", "exclude")),
    },
)
RATIO = Keys(_ratio, {"bad": optional(SELECTOR), "good": optional(SELECTOR), "total": required(SELECTOR)})
LATENCY = Keys(
    _latency,
    {
        "histogram": required(converted(values.as_histogram)),
        "threshold": required(converted(values.as_seconds)),
        "unit": optional(one_of("seconds", "milliseconds"), "seconds"),
    },
)
PROBE = Keys(_probe, {"series": required(SELECTOR), "good_when": required(converted(values.as_condition))})
SLI_KINDS = Keys(_sli, {"ratio": optional(RATIO), "latency": optional(LATENCY), "probe": optional(PROBE)})
OBJECTIVE = Keys(
    dict,
    {
        "name": required(NAME),
        "description": optional(TEXT, ""),
        "target": required(TARGET, "target_ratio"),
        "window": required(text_or_mapping(converted(values.as_whole_minutes, RollingWindow), CALENDAR)),
        "labels": optional(LABELS, _NO_LABELS),
        "prometheus": optional(NAME, ""),
        "min_coverage": optional(SHARE, Decimal("0.9"), "min_coverage_ratio"),
        "min_observed": optional(SHARE, Decimal("0.1"), "min_observed_ratio"),
        "max_groups": optional(converted(values.as_number_of_groups), 200),
        "time_slices": optional(SLICES),
        "group_by": optional(list_of(LABEL_NAME, convert=_distinct), ()),
        "sli": required(SLI_KINDS),
    },
)


def _notification(default: Notification) -> Keys:
    return Keys(
        Notification,
        {
            "enabled": optional(TRUTH, default.enabled),
            "labels": optional(LABELS, default.labels),
            "annotations": optional(LABELS, default.annotations),
            "for": optional(WAIT, default.for_minutes, "for_minutes"),
            "keep_firing_for": optional(WAIT, default.keep_firing_for_minutes, "keep_firing_for_minutes"),
        },
    )


NOTIFICATION = _notification(Notification())
ALERTING = Keys(
    dict,
    {
        "policy": optional(TEXT, "sre-workbook"),
        "runbook": optional(LINK, ""),
        "dashboard": optional(LINK, ""),
        "labels": optional(LABELS, _NO_LABELS),
        "annotations": optional(LABELS, _NO_LABELS),
        "page": optional(NOTIFICATION, Notification()),
        "ticket": optional(NOTIFICATION, Notification()),
        "absent": optional(_notification(ABSENT), ABSENT),
        "low_traffic": optional(one_of("binomial", "off"), "binomial"),
    },
)
FREEZE = Keys(
    _freeze,
    {
        "start": required(converted(values.as_wall_time)),
        "end": optional(converted(values.as_wall_time)),
        "duration": optional(MINUTES),
        "rrule": optional(TEXT, ""),
        "time_zone": optional(converted(values.as_text, values.as_zone), ""),
        "reason": required(TEXT),
    },
)
_FREEZES = list_of(FREEZE, most=_MOST_FREEZES, convert=tuple)
_CHOSEN = text_or_mapping(
    converted(values.as_long_text, values.as_filled), dict_of(LABEL_NAME, TEXT, least=1, convert=_label_set)
)
_ANSWERS = dict_of(one_of(*CAUSES), one_of("deny", "allow"))
_LIMITS = dict_of(converted(values.as_burn_window), converted(values.as_finite_number), convert=_burn_limits)
WARN = Keys(
    WarnLevel,
    {
        "min_budget_remaining": optional(SHARE, None, "min_budget_remaining_ratio"),
        "max_burn_rate": optional(_LIMITS, ()),
    },
)
VETO = Keys(
    Veto,
    {
        "name": required(NAME),
        "query": required(converted(values.as_query)),
        "prometheus": optional(NAME, ""),
        "when_absent": required(one_of("deny", "allow", "unknown")),
        "reason": optional(TEXT, ""),
    },
)
_KUBERNETES_NAMES = list_of(
    converted(values.as_text, values.as_kubernetes_name), least=1, most=_MOST_LISTED, convert=_distinct
)
CHAOS = Keys(
    _chaos,
    {
        "faults": required(_KUBERNETES_NAMES),
        "namespaces": required(_KUBERNETES_NAMES),
        "labels": required(list_of(converted(values.as_target_labels), least=1, most=_MOST_LISTED, convert=tuple)),
        "service_accounts": required(_KUBERNETES_NAMES),
        "hours": optional(list_of(converted(values.as_hours), least=1, most=_MOST_LISTED, convert=tuple), ()),
        "time_zone": optional(converted(values.as_text, values.as_zone), "UTC"),
        "max_duration": optional(MINUTES),
        "max_budget_share": optional(SHARE, Decimal("0.25"), "max_budget_share_ratio"),
        "cool_down": optional(WAIT, 10, "cool_down_minutes"),
        "cool_down_after_halt": optional(WAIT, 60, "cool_down_after_halt_minutes"),
    },
)
GATE = Keys(
    _gate,
    {
        "name": required(NAME),
        "description": optional(TEXT, ""),
        "objectives": required(list_of(_CHOSEN, least=1, convert=tuple)),
        "min_budget_remaining": optional(SHARE, None, "min_budget_remaining_ratio"),
        "max_burn_rate": optional(_LIMITS, ()),
        "max_data_age": optional(converted(values.as_data_age_minutes), 5),
        "min_coverage": optional(SHARE, None, "min_coverage_ratio"),
        "evidence": optional(one_of("binomial", "off"), "binomial"),
        "on_unknown": optional(
            text_or_mapping(one_of("deny", "allow", convert=lambda answer: {"default": answer}), _ANSWERS), {}
        ),
        "warn": optional(WARN, NO_WARNINGS),
        "freeze": optional(_FREEZES, ()),
        "maintenance": optional(_FREEZES, ()),
        "dry_run": optional(TRUTH, False),
        "vetoes": optional(list_of(VETO, most=_MOST_VETOES, convert=_vetoes), ()),
        "chaos": optional(CHAOS),
    },
)
DOCUMENT = Keys(
    dict,
    {
        "service": optional(NAME, ""),
        "labels": optional(LABELS, _NO_LABELS),
        "prometheus": optional(NAME, ""),
        "objectives": optional(list_of(OBJECTIVE), ()),
        "alerting": optional(ALERTING, ALERTING({}, [])),
        "gates": optional(list_of(GATE), ()),
    },
)
