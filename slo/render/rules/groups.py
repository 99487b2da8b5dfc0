"""The groups of rules of one objective, as text: what raw series say every minute, and the period every five."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from slo.objective import Objective
from slo.render.rules.alerts import alert_rules, inert, notices_on_alerts
from slo.render.rules.counts import count_rules
from slo.render.rules.ratios import period_rules, window_rules
from slo.render.rules.rule import Rule, comment, labels_text, rule_text, scalar
from slo.window import CalendarWindow

_SERVICE, _NAME, _ID, _DESCRIPTION, _LABELS, _ALERT_LABELS, _END = "\x80\x81\x82\x83\x84\x86\x87"
"""Marks: characters that no objective file may hold, each alone."""
_AT_MARKS = re.compile(f"([{_SERVICE}{_NAME}{_ID}{_DESCRIPTION}{_LABELS}{_ALERT_LABELS}])")


@dataclass(frozen=True, slots=True)
class _Kind:
    """The rules of each minute and those of the period, in pieces of text and marks; and what is left out."""

    minutely: Sequence[str]
    period: Sequence[str]
    notices: tuple[str, ...]


class GroupWriter:
    """Writes the groups of objectives.

    Objectives of one target, window and policy differ in their selectors and names alone: all but the counts is
    written once for each such kind, with marks where the names belong.

    rules_in_group: how many a group may have at most, where a ruler limits them; head: lines for each group's head.
    """

    def __init__(self, *, rules_in_group: int | None = None, head: str = "") -> None:
        self._rules_in_group = rules_in_group
        self._head = head
        self._kinds: dict[tuple[object, ...], _Kind] = {}

    def groups(self, objective: Objective) -> str:
        """The groups' text; for what PromQL cannot count it is a comment that says so."""
        kind = self._kind(objective)
        if objective.time_slices:
            return comment([f"{objective.id}: {notice}" for notice in kind.notices], "  ")
        names = _names(objective)
        end = _END if self._rules_in_group else ""
        counts = "".join([f"{rule_text(rule, names[_LABELS])}{end}" for rule in count_rules(objective)])
        remarks = comment(kind.notices, "    ")
        text = self._group(objective.id, 1, f"{counts}{_filled(kind.minutely, names)}", remarks)
        if kind.period:
            text += self._group(f"{objective.id}:period", 5, _filled(kind.period, names), "")
        return text

    def notices(self, objective: Objective) -> Sequence[str]:
        """What the rules of an objective leave out, and why."""
        return self._kind(objective).notices

    def _kind(self, objective: Objective) -> _Kind:
        # A policy is shared by the objectives of a document, and lives as long as they do.
        key = (
            *(id(objective.alert_policy), objective.target_ratio, objective.window, objective.group_by),
            *(bool(objective.description), objective.time_slices),
        )
        known = self._kinds.get(key)
        if known is None:
            known = self._kinds[key] = _kind(objective, _END if self._rules_in_group else "")
        return known

    def _group(self, name: str, interval_minutes: int, rules: str, remarks: str) -> str:
        if self._rules_in_group is None:
            parts = [rules]
        else:
            every, size = rules.split(_END), self._rules_in_group
            parts = ["".join(every[low : low + size]) for low in range(0, len(every), size)]
        text = ""
        for number, part in enumerate(parts, 1):
            text += f"  - name: {scalar(name if number == 1 else f'{name}:{number}')}\n{remarks if number == 1 else ''}"
            text += f"    interval: {interval_minutes}m\n{self._head}    rules:\n{part}"
        return text


def _notices(objective: Objective) -> Iterator[str]:
    if objective.time_slices:
        yield "rules cannot count time slices; the service does, and its slo_* metrics can be alerted on"
        return
    yield from notices_on_alerts(objective)
    if isinstance(objective.window, CalendarWindow):
        unit = objective.window.unit.value
        yield f"PromQL knows no calendar {unit}: the budget of the period is left out; the service's metrics have it"


def _kind(objective: Objective, end: str) -> _Kind:
    marked = replace(
        objective,
        service=_SERVICE,
        name=_NAME,
        description=_DESCRIPTION if objective.description else "",
        labels={},
    )
    minutely, period = (
        _pieces(_unescaped(end.join(map(_text, rules))).replace(f"{_SERVICE}/{_NAME}", _ID))
        for rules in (chain(window_rules(marked), alert_rules(marked)), period_rules(marked))
    )
    return _Kind(minutely, period, tuple(_notices(objective)))


def _text(rule: Rule) -> str:
    return rule_text(rule, _ALERT_LABELS if rule.alert else _LABELS)


def _names(objective: Objective) -> dict[str, str]:
    """What comes to the marks of an objective."""
    own = {"slo": objective.id, "slo_service": objective.service}
    labels = labels_text({**own, **objective.labels})
    quiet = {name: inert(value) for name, value in objective.labels.items()}
    description = inert(objective.description)
    return {
        _LABELS: labels,
        _ALERT_LABELS: labels if quiet == objective.labels else labels_text({**own, **quiet}),
        _DESCRIPTION: scalar(f" {description}")[2:-1] if description else "",
        _ID: objective.id,
        _SERVICE: objective.service,
        _NAME: objective.name,
    }


def _unescaped(text: str) -> str:
    """The marks in scalars are marks again."""
    for mark in (_SERVICE, _NAME, _DESCRIPTION):
        text = text.replace(scalar(mark)[1:-1], mark)
    return text


def _pieces(text: str) -> Sequence[str]:
    """Split at the marks, which stay; there are none where there are no rules."""
    return _AT_MARKS.split(text) if text else ()


def _filled(pieces: Sequence[str], names: Mapping[str, str]) -> str:
    return "".join([names.get(piece, piece) for piece in pieces])
