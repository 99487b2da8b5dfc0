"""What both pages say beside the figures: the decisions of gates, and how the service itself fares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from slo.decision import Decision, GateReason, Outcome
from slo.serving.views import CollectorStatus

LATE_SECONDS = 300
"""Data older than that are called late: the age that the gates of the example allow."""
_SHOWN_REASONS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A gate's current decision. first: the decisive reason; others: some more of them; more: how many are left out."""

    decision: Decision
    first: GateReason | None
    others: tuple[GateReason, ...]
    more: int


def cards(decisions: Sequence[Decision]) -> list[Card]:
    """What stops somebody first, then by name."""
    order = [Outcome.DENY, Outcome.UNKNOWN, Outcome.WARN, Outcome.ALLOW]
    made = []
    for decision in sorted(decisions, key=lambda one: (one.allowed, order.index(one.outcome), one.gate)):
        decisive = decision.decisive
        first = decision.reasons[decisive] if decisive is not None else None
        others = [reason for number, reason in enumerate(decision.reasons) if number != decisive]
        shown = tuple(others[:_SHOWN_REASONS])
        left_out = decision.reasons_total - len(shown) - (first is not None)
        made.append(Card(decision=decision, first=first, others=shown, more=max(0, left_out)))
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How far the figures can be relied on. age_seconds: of the newest data, None where that is not known."""

    figures_at: datetime | None
    now: datetime
    age_seconds: float | None
    late: bool
    status: CollectorStatus | None
    failures: tuple[tuple[str, str], ...]
    more_failures: int

    @property
    def simulated(self) -> bool:
        return self.status is not None and self.status.simulated


def health(status: CollectorStatus | None, figures_at: datetime | None, now: datetime) -> Health:
    """status, with the lag as it is now, and figures_at: None before the first cycle."""
    age = status.lag_seconds if status is not None else None
    failures = sorted(status.failures.items()) if status is not None else []
    return Health(
        figures_at=figures_at,
        now=now,
        age_seconds=age,
        late=age is None or age > LATE_SECONDS,
        status=status,
        failures=tuple(failures[:20]),
        more_failures=max(0, len(failures) - 20),
    )
