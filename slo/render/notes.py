"""What a person should know besides the figures: firing alerts and reasons, said once for all whom they concern."""

from __future__ import annotations

from dataclasses import dataclass

from slo.render import figures
from slo.report import Report

_MAX_NAMED = 3


@dataclass(frozen=True, slots=True)
class Note:
    """One sentence and the ids that it is about; of many, the first few and how many more."""

    slos: tuple[str, ...]
    message: str
    alert: bool


def notes_of(report: Report) -> list[Note]:
    """Firing alerts first, then reasons, each in the order of danger of its first objective."""
    alerts: dict[str, list[str]] = {}
    reasons: dict[str, list[str]] = {}
    for entry in figures.worst_first(report.objectives):
        sentence = figures.alert_sentence(entry)
        if sentence:
            alerts.setdefault(sentence, []).append(entry.slo)
        for reason in entry.reasons:
            reasons.setdefault(reason.message, []).append(entry.slo)
    return [
        Note(_named(slos), message, found is alerts) for found in (alerts, reasons) for message, slos in found.items()
    ]


def _named(slos: list[str]) -> tuple[str, ...]:
    rest = len(slos) - _MAX_NAMED
    return tuple(slos[:_MAX_NAMED]) + ((f"{rest} more",) if rest > 0 else ())
