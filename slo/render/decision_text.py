"""A gate's decision for a person at a terminal or in the log of a pipeline."""

from __future__ import annotations

from slo.clock import format_time
from slo.decision import Decision, GateReason, Outcome
from slo.render import figures
from slo.render.text import printable
from slo.units import format_duration

_WORDS = {
    Outcome.ALLOW: "open",
    Outcome.WARN: "open, with a warning",
    Outcome.DENY: "closed",
    Outcome.UNKNOWN: "unknown",
}


def render_decision_text(decision: Decision, *, simulated: bool = False) -> str:
    """What is decided, then each reason on a line, worst first; an arrow marks the one that decided."""
    lines = [f" {figures.SIMULATED_NOTE}"] if simulated else []
    lines.append(f"Gate {decision.gate} is {_outcome(decision)} ({decision.outcome.value}, {format_time(decision.at)})")
    lines += [_line(reason, index == decision.decisive) for index, reason in enumerate(decision.reasons)]
    if more := decision.reasons_total - len(decision.reasons):
        lines.append(f"   and {more} more {'reason' if more == 1 else 'reasons'}")
    if decision.data_age_seconds is not None:
        lines.append(f"The oldest data are {format_duration(round(decision.data_age_seconds))} old.")
    return "".join(f"{line}\n" for line in lines)


def _outcome(decision: Decision) -> str:
    words = _WORDS[decision.outcome]
    if decision.outcome is Outcome.UNKNOWN:
        words += ", which it lets through" if decision.allowed and not decision.dry_run else ", and so closed"
    if not decision.dry_run:
        return words
    return f"a dry run that lets everything through; it would be {words}"


def _line(reason: GateReason, is_decisive: bool) -> str:
    subject = f"{reason.slo}: " if reason.slo else ""
    return printable(f"{'->' if is_decisive else '  '} {reason.outcome.value:<7} {subject}{reason.message}")
