"""Whether a gate opens: verdicts on single objectives, folded into one decision that can be made again at any time.

Verdicts are made once a cycle, from events. What depends on the time of the question alone (how old the data are,
freezes, overrides) is decided when they are folded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from hashlib import blake2b
from heapq import nsmallest

from slo.clock import format_time
from slo.gate import Gate, id_matches
from slo.units import format_duration
from slo.veto import Signal, VetoFinding, heard
from slo.window import datetime_of

MOST_REASONS = 20
_VALID = timedelta(minutes=1)


class Outcome(Enum):
    ALLOW = "allow"
    WARN = "warn"
    DENY = "deny"
    UNKNOWN = "unknown"


_SEVERITY = {Outcome.ALLOW: 0, Outcome.WARN: 1, Outcome.UNKNOWN: 2, Outcome.DENY: 3}
# Of reasons for the same outcome, what is most acute is told first: it is what a caller can do most about.
_CHECKS = (
    "max_burn_rate",
    "min_budget_remaining",
    "veto",
    "freeze",
    "maintenance",
    "override",
    "no_objective",
    "data_age",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateReason:
    """One finding that is not allow. slo: "" for the gate as a whole; cause: of unknown, a key of `on_unknown`."""

    slo: str
    check: str
    outcome: Outcome
    message: str
    cause: str = ""
    observed: float | None = None
    threshold: float | None = None
    window_minutes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a gate finds of one objective, or of one group of it, in one cycle. data_until: a minute.

    Raises ValueError where the outcome is not the worst of its reasons.
    """

    gate: str
    slo: str
    outcome: Outcome
    reasons: tuple[GateReason, ...]
    data_until: int | None

    def __post_init__(self) -> None:
        if self.outcome is not worst_of(reason.outcome for reason in self.reasons):
            raise ValueError(f"a verdict is as bad as the worst of its reasons, not {self.outcome.value}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """Break-glass: somebody opens a gate for a time, and says why. slos: ids or globs, none for all."""

    id: int
    gate: str
    slos: tuple[str, ...]
    by: str
    reason: str
    start: datetime
    until: datetime

    def covers(self, slo: str) -> bool:
        """Whether it holds for this id."""
        return not self.slos or any(id_matches(pattern, slo) for pattern in self.slos)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a gate answers. reasons: worst first, the first MOST_REASONS of reasons_total; decisive: which of them
    decided. expires_at: the first moment at which the answer may be another one."""

    id: str
    gate: str
    at: datetime
    outcome: Outcome
    allowed: bool
    dry_run: bool
    data_age_seconds: float | None
    expires_at: datetime
    reasons: tuple[GateReason, ...]
    decisive: int | None
    reasons_total: int
    overridden_by: Override | None


def worst_of(outcomes: Iterator[Outcome]) -> Outcome:
    """deny, else unknown, else warn, else allow."""
    return max(outcomes, key=_SEVERITY.__getitem__, default=Outcome.ALLOW)


def fold(
    gate: Gate,
    verdicts: Sequence[Verdict],
    *,
    at: datetime,
    overrides: Sequence[Override] = (),
    next_cycle_at: datetime | None = None,
    cycle: int = 0,
    vetoes: Sequence[VetoFinding] = (),
) -> Decision:
    """One decision from the verdicts of a gate, all of them or some; the worst wins.

    overrides: of any gate and time. cycle: which one the verdicts are of; in it the same question has the same id.
    vetoes: what was found of those that the gate names; one that nothing was found of is unknown.
    """
    mine = [override for override in overrides if override.gate == gate.name]
    active = [override for override in mine if override.start <= at < override.until]
    found = [*_reasons(gate, verdicts, at), *_vetoed(gate, vetoes, at)]
    reasons, lifted, overridden_by = _overridden(gate, found, active, verdicts)
    outcome = worst_of(reason.outcome for reason in reasons)
    shown = _worst(gate, reasons, MOST_REASONS)
    shown += _worst(gate, lifted, MOST_REASONS - len(shown))
    return Decision(
        id=_identity(gate, verdicts, cycle, outcome, shown),
        gate=gate.name,
        at=at,
        outcome=outcome,
        allowed=gate.dry_run or _allowed(gate, reasons),
        dry_run=gate.dry_run,
        data_age_seconds=_age_seconds(verdicts, at),
        expires_at=_expiry(gate, verdicts, vetoes, mine, at, next_cycle_at),
        reasons=tuple(shown),
        decisive=0 if reasons else None,
        reasons_total=len(reasons) + len(lifted),
        overridden_by=overridden_by,
    )


def _reasons(gate: Gate, verdicts: Sequence[Verdict], at: datetime) -> Iterator[GateReason]:
    for check, freezes in (("freeze", gate.freeze), ("maintenance", gate.maintenance)):
        for freeze in freezes:
            if (until := freeze.until(at)) is not None:
                message = f"{check} until {format_time(until)}: {freeze.reason}"
                yield GateReason(slo="", check=check, outcome=Outcome.DENY, message=message)
    if not verdicts:
        message = "the gate names no objective that there is"
        yield GateReason(slo="", check="no_objective", outcome=Outcome.UNKNOWN, cause="no_objective", message=message)
    now, limit = int(at.timestamp()), gate.max_data_age_seconds
    for verdict in verdicts:
        yield from verdict.reasons
        if verdict.data_until is not None and now - verdict.data_until * 60 > limit:
            yield _stale(verdict, verdict.data_until, now, limit)


def _vetoed(gate: Gate, findings: Sequence[VetoFinding], at: datetime) -> Iterator[GateReason]:
    """What vetoes say for the gate as a whole."""
    found = {finding.veto: finding for finding in findings}
    for veto in gate.vetoes:
        signal, message = heard(veto, found.get(veto.name), at, gate.max_data_age_seconds)
        if signal is Signal.RAISED:
            yield GateReason(slo="", check="veto", outcome=Outcome.DENY, message=message)
        elif signal is Signal.UNKNOWN:
            yield GateReason(slo="", check="veto", outcome=Outcome.UNKNOWN, cause="veto", message=message)


def _stale(verdict: Verdict, data_until: int, now: int, limit: int) -> GateReason:
    end = format_time(datetime_of(data_until))
    return GateReason(
        slo=verdict.slo,
        check="data_age",
        outcome=Outcome.UNKNOWN,
        cause="stale",
        message=f"the data end at {end} and may be at most {format_duration(limit)} old",
        observed=now - data_until * 60,
        threshold=limit,
    )


def _overridden(
    gate: Gate, reasons: list[GateReason], active: Sequence[Override], verdicts: Sequence[Verdict]
) -> tuple[list[GateReason], list[GateReason], Override | None]:
    """The reasons that stand, those that overrides lift, and the override that opens the gate, if one does."""
    if not active or _allowed(gate, reasons):
        return reasons, [], None
    standing: list[GateReason] = []
    lifted: list[GateReason] = []
    for reason in reasons:
        (lifted if _lifting(reason, active, verdicts) else standing).append(reason)
    if not lifted or not _allowed(gate, standing):
        return standing, lifted, None
    opening = _lifting(_worst(gate, lifted, 1)[0], active, verdicts)
    assert opening is not None
    return [*standing, _override_reason(opening)], lifted, opening


def _lifting(reason: GateReason, active: Sequence[Override], verdicts: Sequence[Verdict]) -> Override | None:
    """The override that lifts a reason: one for its objective, or for all where the gate as a whole is meant."""
    if reason.outcome is Outcome.WARN:
        return None
    for override in active:
        if override.covers(reason.slo) if reason.slo else _covers_all(override, verdicts):
            return override
    return None


def _covers_all(override: Override, verdicts: Sequence[Verdict]) -> bool:
    return not override.slos or (bool(verdicts) and all(override.covers(verdict.slo) for verdict in verdicts))


def _override_reason(override: Override) -> GateReason:
    message = f"overridden by {override.by} until {format_time(override.until)}: {override.reason}"
    return GateReason(slo="", check="override", outcome=Outcome.WARN, message=message)


def _allowed(gate: Gate, reasons: Sequence[GateReason]) -> bool:
    return all(
        reason.outcome is Outcome.WARN or (reason.outcome is Outcome.UNKNOWN and gate.allows_unknown(reason.cause))
        for reason in reasons
    )


def _worst(gate: Gate, reasons: Sequence[GateReason], most: int) -> list[GateReason]:
    return nsmallest(most, reasons, key=lambda reason: _order(gate, reason))


def _order(gate: Gate, reason: GateReason) -> tuple[int, bool, int, float, str, int, str, str]:
    """Worst first; what is unknown and let through comes after what is not. A total order, so that no answer depends on
    the order of the verdicts."""
    known = reason.check in _CHECKS
    return (
        -_SEVERITY[reason.outcome],
        reason.outcome is Outcome.UNKNOWN and gate.allows_unknown(reason.cause),
        _CHECKS.index(reason.check) if known else len(_CHECKS),
        _distance(reason),
        reason.slo,
        reason.window_minutes or 0,
        reason.message,
        reason.cause,
    )


def _distance(reason: GateReason) -> float:
    """The lower, the further a finding is beyond its threshold; only findings of one check are compared by it."""
    observed, threshold = reason.observed, reason.threshold
    if observed is None:
        return float("-inf")
    if reason.check != "max_burn_rate":
        return observed if reason.check == "min_budget_remaining" else -observed
    return -observed / threshold if threshold else float("-inf")


def _identity(
    gate: Gate, verdicts: Sequence[Verdict], cycle: int, outcome: Outcome, reasons: Sequence[GateReason]
) -> str:
    """The same for the same answer to the same question in the same cycle; messages do not change with the time."""
    digest = blake2b(digest_size=12)
    parts = [gate.name, str(cycle), outcome.value, *sorted(verdict.slo for verdict in verdicts)]
    parts += [f"{reason.slo} {reason.check} {reason.message}" for reason in reasons]
    digest.update("\0".join(parts).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _age_seconds(verdicts: Sequence[Verdict], at: datetime) -> float | None:
    """Of the oldest data among them; None where none has any."""
    oldest = min((one.data_until for one in verdicts if one.data_until is not None), default=None)
    return None if oldest is None else max(0.0, at.timestamp() - oldest * 60)


def _expiry(
    gate: Gate,
    verdicts: Sequence[Verdict],
    vetoes: Sequence[VetoFinding],
    overrides: Sequence[Override],
    at: datetime,
    next_cycle_at: datetime | None,
) -> datetime:
    moments = [next_cycle_at if next_cycle_at and next_cycle_at > at else at + _VALID]
    # Ages are of whole seconds, so that there is a first moment at which data are too old.
    too_old = timedelta(seconds=gate.max_data_age_seconds + 1)
    ends = {one.data_until for one in verdicts if one.data_until is not None}
    times = [*(datetime_of(end) for end in ends), *(finding.at for finding in vetoes)]
    moments += [moment for time in times if (moment := time + too_old) > at]
    for freeze in (*gate.freeze, *gate.maintenance):
        if (change := freeze.next_change(at)) is not None:
            moments.append(change)
    moments += [edge for override in overrides for edge in (override.start, override.until) if edge > at]
    return min(moments).astimezone(UTC)
