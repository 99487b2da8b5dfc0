"""What is recorded, and what is read back: frozen values, and the rows that hold them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

import orjson

from slo.clock import format_time
from slo.decision import MOST_REASONS, Decision, GateReason, Outcome, Override, Verdict
from slo.record.excerpt import excerpt, one_line

_MAX_NAME, _MAX_TEXT, _MAX_SLOS = 300, 1000, 100
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

Values = Mapping[str, Any]
"""The columns of an entry by name; the writer's name and what is missing are filled in when it is written."""


class Kind(Enum):
    """What an entry tells of."""

    DECISION = "decision"
    """A gate began to answer otherwise."""
    VERDICT = "verdict"
    """A gate began to judge one objective otherwise."""
    CALL = "call"
    """Somebody asked in a way that is recorded, and was answered."""
    OVERRIDE = "override"
    REVOCATION = "revocation"


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionChange:
    """A gate as a whole (slo ""), or a gate on one objective, that answers otherwise than before (None: at first)."""

    gate: str
    slo: str = ""
    at: datetime
    outcome: Outcome
    allowed: bool | None = None
    reasons: tuple[GateReason, ...] = ()
    decision_id: str = ""
    before: Outcome | None = None

    @classmethod
    def of_decision(cls, decision: Decision, before: Outcome | None = None) -> DecisionChange:
        """The gate as a whole."""
        return cls(
            gate=decision.gate,
            at=decision.at,
            outcome=decision.outcome,
            allowed=decision.allowed,
            reasons=decision.reasons,
            decision_id=decision.id,
            before=before,
        )

    @classmethod
    def of_verdict(cls, verdict: Verdict, *, at: datetime, before: Outcome | None = None) -> DecisionChange:
        """The gate on one objective; the reasons for its outcome come first, as they are told and not all are kept."""
        reasons = tuple(sorted(verdict.reasons, key=lambda reason: reason.outcome is not verdict.outcome))
        return cls(gate=verdict.gate, slo=verdict.slo, at=at, outcome=verdict.outcome, reasons=reasons, before=before)

    def values(self) -> Values:
        details: dict[str, Any] = {"reasons": _reasons(self.reasons)}
        if self.before is not None:
            details["before"] = self.before.value
        kind = Kind.VERDICT if self.slo else Kind.DECISION
        return _values(
            kind,
            self.at,
            self.gate,
            details,
            slo=self.slo,
            outcome=self.outcome.value,
            allowed=self.allowed,
            decision_id=self.decision_id,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerEntry:
    """A caller and what it was answered.

    caller: a token's name or a user, never a token; route: "post", "admission"; body: what it sent, of which a masked
    excerpt is kept; slos: the ids that it asked for; answered: what it was told, where that is not what was decided
    (an inverted hook).
    """

    at: datetime
    caller: str
    route: str
    decision: Decision
    body: bytes | str = b""
    slos: Sequence[str] = ()
    answered: bool | None = None

    def values(self) -> Values:
        decision = self.decision
        details: dict[str, Any] = {
            "route": one_line(self.route, _MAX_NAME),
            "body": excerpt(self.body),
            "reasons": _reasons(decision.reasons),
        }
        if self.slos:
            details["slos"] = [one_line(slo, _MAX_NAME) for slo in self.slos[:_MAX_SLOS]]
        if decision.overridden_by is not None:
            details["override"] = decision.overridden_by.id
        if decision.dry_run:
            details["dry_run"] = True
        return _values(
            Kind.CALL,
            self.at,
            decision.gate,
            details,
            slo=self.slos[0] if len(self.slos) == 1 else "",
            outcome=decision.outcome.value,
            allowed=decision.allowed if self.answered is None else self.answered,
            decision_id=decision.id,
            by=self.caller,
        )


def override_values(override: Override, at: datetime) -> Values:
    """The entry of an override, which takes its number from it."""
    details = {
        "reason": one_line(override.reason, _MAX_TEXT),
        "start": milliseconds(override.start),
        "slos": [one_line(slo, _MAX_NAME) for slo in override.slos],
    }
    return _values(Kind.OVERRIDE, at, override.gate, details, by=override.by, until=override.until)


def revocation_values(override: Override, *, at: datetime, by: str, reason: str) -> Values:
    """The entry that ends an override; it is kept as long as the override is."""
    details = {"override": override.id, "reason": one_line(reason, _MAX_TEXT)}
    return _values(Kind.REVOCATION, at, override.gate, details, by=by, until=override.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordEntry:
    """An entry as it was read. by: who asked or overrode; writer: the process that wrote it; until: of an override."""

    id: int
    at: datetime
    kind: Kind
    gate: str
    slo: str
    outcome: Outcome | None
    allowed: bool | None
    decision_id: str
    by: str
    writer: str
    until: datetime | None
    details: Mapping[str, Any]

    @classmethod
    def of_row(cls, row: Any) -> RecordEntry:
        return cls(
            id=row.id,
            at=datetime_of(row.at),
            kind=Kind(row.kind),
            gate=row.gate,
            slo=row.slo,
            outcome=None if row.outcome is None else Outcome(row.outcome),
            allowed=row.allowed,
            decision_id=row.decision_id,
            by=row.by,
            writer=row.writer,
            until=None if row.until is None else datetime_of(row.until),
            details=orjson.loads(row.details),
        )

    def override(self) -> Override:
        """What an entry of that kind says."""
        assert self.kind is Kind.OVERRIDE
        assert self.until is not None
        return Override(
            id=self.id,
            gate=self.gate,
            slos=tuple(self.details["slos"]),
            by=self.by,
            reason=self.details["reason"],
            start=datetime_of(self.details["start"]),
            until=self.until,
        )

    def document(self) -> dict[str, Any]:
        """For JSON: what is not there is left out."""
        details = dict(self.details)
        if "start" in details:
            details["start"] = format_time(datetime_of(details["start"]))
        found: dict[str, Any] = {
            "id": self.id,
            "at": format_time(self.at),
            "kind": self.kind.value,
            "gate": self.gate,
            "slo": self.slo,
            "decision": None if self.outcome is None else self.outcome.value,
            "allowed": self.allowed,
            "decision_id": self.decision_id,
            "by": self.by,
            "until": None if self.until is None else format_time(self.until),
            "writer": self.writer,
        }
        return {key: value for key, value in found.items() if value not in (None, "")} | details


def milliseconds(at: datetime) -> int:
    """Since the epoch."""
    return (at - _EPOCH) // _MILLISECOND


def datetime_of(milliseconds_since: int) -> datetime:
    """The aware time of milliseconds since the epoch."""
    return _EPOCH + milliseconds_since * _MILLISECOND


def _values(
    kind: Kind,
    at: datetime,
    gate: str,
    details: Mapping[str, Any],
    *,
    slo: str = "",
    outcome: str | None = None,
    allowed: bool | None = None,
    decision_id: str = "",
    by: str = "",
    until: datetime | None = None,
) -> Values:
    return {
        "at": milliseconds(at),
        "kind": kind.value,
        "gate": one_line(gate, _MAX_NAME),
        "slo": one_line(slo, _MAX_NAME),
        "outcome": outcome,
        "allowed": allowed,
        "decision_id": one_line(decision_id, _MAX_NAME),
        "by": one_line(by, _MAX_NAME),
        "until": None if until is None else milliseconds(until),
        "details": orjson.dumps(details).decode(),
    }


def _reasons(reasons: Sequence[GateReason]) -> list[dict[str, Any]]:
    return [_reason(one) for one in reasons[:MOST_REASONS]]


def _reason(reason: GateReason) -> dict[str, Any]:
    told: dict[str, Any] = {
        "slo": reason.slo,
        "check": reason.check,
        "decision": reason.outcome.value,
        "cause": reason.cause,
        "observed": reason.observed,
        "threshold": reason.threshold,
        "window_minutes": reason.window_minutes,
        "message": one_line(reason.message, _MAX_TEXT),
    }
    return {key: value for key, value in told.items() if value not in (None, "")}
