"""The command `slo gate`: one decision, from data as `slo report` reads them, or from a running service."""

from __future__ import annotations

import json
import os
from argparse import Namespace
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from slo.clock import utc_now
from slo.commands import Result, asked_time, chosen_files, listed, progress_bar
from slo.decision import Outcome, fold
from slo.errors import SourceResponseError, UsageError
from slo.gate import Gate, concerns, id_matches, longest_window_minutes, matches
from slo.opening import DataChoice, choose_data, opened, servers_of, timeout_of
from slo.settings import Settings, load_settings

if TYPE_CHECKING:
    from slo.decision import Decision, Verdict
    from slo.objective import Objective
    from slo.reporting import Evaluation
    from slo.veto import VetoFinding

OPEN, CLOSED, SOURCE_FAILED = 0, 1, 3
OUTPUTS = ("text", "json")


def gate(arguments: Namespace) -> Result:
    """The decision; the exit code is 0 where it lets through, 1 where not, 3 where data could not be had for it."""
    settings = load_settings(os.environ, arguments.settings)
    if arguments.output not in OUTPUTS:
        raise UsageError(f"--output: {arguments.output!r} is none of {', '.join(OUTPUTS)}")
    if arguments.server is not None:
        return _asked(arguments, settings)
    return _decided_here(arguments, settings)


def _asked(arguments: Namespace, settings: Settings) -> Result:
    """What a running service decides."""
    from slo.gate_server import GateServer
    from slo.render.decision_json import read_decision
    from slo.render.decision_text import render_decision_text

    given = {"--prometheus": arguments.prometheus, "--data": arguments.data, "--ledger": arguments.ledger}
    given |= {"--demo": arguments.demo or None, "--at": arguments.at, "FILE": arguments.files or None}
    if unneeded := [name for name, value in given.items() if value is not None]:
        raise UsageError(f"--server asks a service about its own data now: leave out {' and '.join(unneeded)}")
    server = GateServer(arguments.server.rstrip("/"), settings.token)
    document = server.ask(arguments.name, arguments.globs, timeout_seconds=timeout_of(arguments, settings))
    try:
        decision = read_decision(document)
    except ValueError as error:
        raise SourceResponseError(f"{server.url}: {error}") from None
    text = json.dumps(document, indent=2) + "\n" if arguments.output == "json" else render_decision_text(decision)
    return Result(text, OPEN if decision.allowed else CLOSED)


def _decided_here(arguments: Namespace, settings: Settings) -> Result:
    from slo.spec import load_files

    choice = choose_data(arguments, settings)
    asked_at = asked_time(arguments.at)
    spec = load_files(chosen_files(arguments.files, settings))
    chosen = _gate_of(spec.gates, arguments.name)
    objectives = _objectives_of(chosen, spec.objectives, arguments.globs)
    verdicts, failed, at = _verdicts(chosen, objectives, choice, asked_at, arguments.globs)
    decision = fold(chosen, verdicts, at=at, vetoes=_heard(chosen, arguments, settings, at))
    code = OPEN if decision.allowed else CLOSED
    if failed and choice.ledger is None and decision.outcome is not Outcome.DENY:
        code = SOURCE_FAILED
    return Result(_rendered(decision, arguments.output, simulated=arguments.demo), code, failed)


def _gate_of(gates: Sequence[Gate], name: str) -> Gate:
    for one in gates:
        if one.name == name:
            return one
    raise UsageError(f"there is no gate {name!r} in these files; there are: {listed([one.name for one in gates])}")


def _objectives_of(chosen: Gate, objectives: Sequence[Objective], globs: Sequence[str]) -> tuple[Objective, ...]:
    """Those that the gate names, in part at least. Raises UsageError where `--slo` leaves none of them."""
    named = [one for one in objectives if concerns(chosen, one.id, one.labels)]
    asked = tuple(
        one for one in named if not globs or any(id_matches(glob.partition("{")[0], one.id) for glob in globs)
    )
    if named and not asked:
        raise UsageError(
            f"the gate {chosen.name!r} names no objective that matches --slo {' or '.join(globs)};"
            f" it names: {listed([one.id for one in named])}"
        )
    return asked


def _verdicts(
    chosen: Gate, objectives: Sequence[Objective], choice: DataChoice, asked_at: datetime | None, globs: Sequence[str]
) -> tuple[list[Verdict], tuple[str, ...], datetime]:
    """The verdicts, what failed, and the time of the decision: now, unless told or where the data are of the past."""
    from slo.reporting import evaluations

    if not objectives:
        return [], (), asked_at or utc_now()
    longest = longest_window_minutes(chosen)
    with opened(choice, objectives, asked_at) as (source, at), progress_bar() as progress:
        found = [
            one
            for one in evaluations(objectives, source, at=at, progress=progress, longest_window_minutes=longest)
            if matches(chosen, one.report.slo, one.objective.labels)
            and (not globs or any(id_matches(glob, one.report.slo) for glob in globs))
        ]
        verdicts, failed = [_verdict(chosen, one, at) for one in found], _failures(found)
    is_live = asked_at is None and (choice.ledger is not None or choice.servers is not None)
    return verdicts, failed, utc_now() if is_live else at


def _heard(chosen: Gate, arguments: Namespace, settings: Settings, at: datetime) -> Sequence[VetoFinding]:
    """What the gate's vetoes say at the time of the decision."""
    if not chosen.vetoes:
        return ()
    from slo.source.condition import evaluate_vetoes

    servers, timeout = servers_of(arguments, settings), timeout_of(arguments, settings)
    return evaluate_vetoes(chosen.vetoes, servers, at=at, timeout_seconds=timeout)


def _verdict(chosen: Gate, one: Evaluation, at: datetime) -> Verdict:
    from slo.verdict import judge

    return judge(chosen, one.objective, one.report, one.events, at=at)


def _failures(found: Sequence[Evaluation]) -> tuple[str, ...]:
    """What failed, said once for all whom it concerns."""
    from slo.report import failure

    failed: dict[str, list[str]] = {}
    for one in found:
        if (message := failure(one.report)) is not None:
            failed.setdefault(message, []).append(one.report.slo)
    return tuple(f"{listed(slos)}: {message}" for message, slos in failed.items())


def _rendered(decision: Decision, output: str, *, simulated: bool) -> str:
    if output == "text":
        from slo.render.decision_text import render_decision_text

        return render_decision_text(decision, simulated=simulated)
    from slo.render.decision_json import decision_document

    document = decision_document(decision) | ({"simulated": True} if simulated else {})
    return json.dumps(document, allow_nan=False, indent=2) + "\n"


COMMANDS: dict[str, Callable[[Namespace], Result]] = {"gate": gate}
