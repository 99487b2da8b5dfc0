"""A gate's answers over history, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from slo.clock import format_time
from slo.decision import GateReason, Outcome
from slo.gate import Gate
from slo.render.figures import SIMULATED_NOTE
from slo.render.incidents import interval_document, percent, short_time
from slo.render.text import columns, printable
from slo.replay import Answer, JudgedDeploy
from slo.units import format_duration
from slo.window import Interval, datetime_of

SCHEMA = "slo.replay/v1"
_MOST_LISTED = 40
_TITLES = ("from", "to", "lasted", "answer", "", "why")


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What was asked and answered. harm_ratio: of a period's budget, within the horizon after a deploy."""

    gate: Gate
    within: Interval
    step_minutes: int
    answers: tuple[Answer, ...]
    deploys: tuple[JudgedDeploy, ...]
    horizon_minutes: int
    harm_ratio: float


def render_table(replay: Replay, *, simulated: bool) -> str:
    """How much of the time the gate was open, every answer that was not allow, and what deploys it would have met."""
    lines = [SIMULATED_NOTE] if simulated else []
    lines += [*_summary(replay), *_answers(replay), *_deploys(replay)]
    return "".join(f"{line}\n" for line in lines)


def render_json(replay: Replay, *, simulated: bool) -> str:
    """The replay as a document of schema `slo.replay/v1`."""
    document = {
        "schema": SCHEMA,
        **({"simulated": True} if simulated else {}),
        "gate": replay.gate.name,
        **interval_document(replay.within),
        "step": format_duration(replay.step_minutes * 60),
        "share_of_time": {outcome.value: _share(replay, outcome) for outcome in Outcome},
        "answers": [
            {
                **interval_document(one.interval),
                "decision": one.outcome.value,
                "allowed": one.allowed,
                "decisive": _reason_document(one.decisive),
            }
            for one in replay.answers
        ],
        "horizon": format_duration(replay.horizon_minutes * 60),
        "harm_ratio": replay.harm_ratio,
        "deploys": [_deploy_document(one) for one in replay.deploys],
    }
    return json.dumps(document, allow_nan=False, indent=2) + "\n"


def _summary(replay: Replay) -> Iterator[str]:
    span = f"{short_time(replay.within.start)} to {short_time(replay.within.end)} UTC"
    step = format_duration(replay.step_minutes * 60)
    shares = ", ".join(f"{outcome.value} {percent(_share(replay, outcome))}" for outcome in Outcome)
    yield f"gate {printable(replay.gate.name)}, {span}, asked every {step}: {shares} of the time"


def _share(replay: Replay, outcome: Outcome) -> float:
    minutes = sum(one.interval.minutes for one in replay.answers if one.outcome is outcome)
    return minutes / max(replay.within.minutes, 1)


def _answers(replay: Replay) -> Iterator[str]:
    other = [one for one in replay.answers if one.outcome is not Outcome.ALLOW]
    if not other:
        return
    yield from columns([_TITLES, *(_cells(one) for one in other[:_MOST_LISTED])], right={2})
    if len(other) > _MOST_LISTED:
        yield f"and {len(other) - _MOST_LISTED} more (-o json lists all)"


def _cells(one: Answer) -> tuple[str, ...]:
    return (
        short_time(one.interval.start),
        short_time(one.interval.end),
        format_duration(one.interval.minutes * 60),
        one.outcome.value,
        "lets through" if one.allowed else "blocks",
        _why(one.decisive),
    )


def _why(reason: GateReason | None) -> str:
    if reason is None:
        return ""
    return printable(f"{reason.slo}: {reason.message}" if reason.slo else reason.message)


def _deploys(replay: Replay) -> Iterator[str]:
    if not replay.deploys:
        return
    blocked = [one for one in replay.deploys if not one.allowed]
    passed = [one for one in replay.deploys if one.allowed]
    right, missed = sum(one.did_harm for one in blocked), sum(one.did_harm for one in passed)
    harm = f"at least {percent(replay.harm_ratio)} of a budget within {format_duration(replay.horizon_minutes * 60)}"
    yield f"{len(replay.deploys)} deploys; harm: {harm}"
    yield f"{len(blocked)} blocked: {right} did harm, {len(blocked) - right} none"
    yield f"{len(passed)} let through: {len(passed) - missed} did no harm, {missed} did"
    noted = [one for one in replay.deploys if not one.allowed or one.did_harm]
    for one in noted[:_MOST_LISTED]:
        name = f" {printable(one.deploy.name)}" if one.deploy.name else ""
        what = "let through" if one.allowed else "blocked"
        why = f": {_why(one.decisive)}" if not one.allowed else ""
        yield f"{short_time(one.deploy.minute)}{name} {what}, {percent(one.spent_ratio)} spent after it{why}"
    if len(noted) > _MOST_LISTED:
        yield f"and {len(noted) - _MOST_LISTED} more (-o json lists all)"


def _deploy_document(one: JudgedDeploy) -> dict[str, Any]:
    return {
        "time": format_time(datetime_of(one.deploy.minute)),
        "name": one.deploy.name,
        "allowed": one.allowed,
        "spent_ratio": one.spent_ratio,
        "did_harm": one.did_harm,
        "was_right": one.was_right,
        "decisive": _reason_document(one.decisive),
    }


def _reason_document(reason: GateReason | None) -> dict[str, Any] | None:
    if reason is None:
        return None
    return {
        "slo": reason.slo,
        "check": reason.check,
        "decision": reason.outcome.value,
        "message": reason.message,
        "observed": reason.observed,
        "threshold": reason.threshold,
    }
