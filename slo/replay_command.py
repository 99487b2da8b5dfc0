"""The command `replay`: what a gate would have answered over a history, and to which deploys."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Callable

from slo.commands import DONE, SOURCE_FAILED, Result, chosen_files, listed, progress_bar
from slo.errors import UsageError
from slo.gate import Gate, concerns
from slo.history import Histories, read_histories
from slo.render.replay import Replay, render_json, render_table
from slo.replay import Deploy, GateReplay, JudgedDeploy, Replayed
from slo.settings import load_settings
from slo.spec import load_files
from slo.spec.deploys import read_deploys
from slo.units import parse_duration, parse_ratio
from slo.window import Interval


def replay(arguments: Namespace) -> Result:
    """The answers of a gate; nothing is told unless every objective that it names could be read."""
    step, horizon = _minutes(arguments.step, "--step"), _minutes(arguments.horizon, "--horizon")
    harm = _share(arguments.harm)
    deploys = [Deploy(minute=minute, name=name) for minute, name in _deploys(arguments)]
    gate = _gate(arguments)
    histories = read_histories(
        arguments,
        begin=arguments.begin,
        end=arguments.end,
        is_wanted=lambda one: concerns(gate, one.id, one.labels),
    )
    if histories.failures:
        return Result("", SOURCE_FAILED, histories.failures)
    within = _within(histories)
    machine = GateReplay(
        gate,
        [Replayed(objective=one.objective, groups=one.groups, corrections=one.corrections) for one in histories.found],
    )
    with progress_bar() as progress:
        answers = tuple(machine.answers(within, step, progress))
    judged = tuple(machine.judged(one, horizon, harm) for one in deploys if within.start <= one.minute < within.end)
    made = Replay(
        gate=gate,
        within=within,
        step_minutes=step,
        answers=answers,
        deploys=judged,
        horizon_minutes=horizon,
        harm_ratio=harm,
    )
    render = render_json if arguments.output == "json" else render_table
    return Result(render(made, simulated=histories.simulated), DONE, _outside(deploys, judged))


COMMANDS: dict[str, Callable[[Namespace], Result]] = {"replay": replay}


def _gate(arguments: Namespace) -> Gate:
    gates = load_files(chosen_files(arguments.files, load_settings(os.environ, arguments.settings))).gates
    for gate in gates:
        if gate.name == arguments.name:
            return gate
    known = listed([gate.name for gate in gates])
    raise UsageError(f"there is no gate {arguments.name!r} in these files; there are: {known}")


def _deploys(arguments: Namespace) -> tuple[tuple[int, str], ...]:
    return read_deploys(arguments.deploys) if arguments.deploys is not None else ()


def _within(histories: Histories) -> Interval:
    """From the first minute of which anything was seen to the last."""
    return Interval(min(one.within.start for one in histories.found), max(one.within.end for one in histories.found))


def _outside(deploys: list[Deploy], judged: tuple[JudgedDeploy, ...]) -> tuple[str, ...]:
    left_out = len(deploys) - len(judged)
    return (f"{left_out} of {len(deploys)} deploys are outside of the history; left out",) if left_out else ()


def _minutes(text: str, option: str) -> int:
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None
    if seconds < 60 or seconds % 60:
        raise UsageError(f"{option} is a number of whole minutes, such as 5m")
    return int(seconds) // 60


def _share(text: str) -> float:
    try:
        share = float(parse_ratio(text))
    except ValueError as error:
        raise UsageError(f"--harm: {error}") from None
    if not 0 < share <= 1:
        raise UsageError("--harm is over 0 and at most 100%, such as 2%")
    return share
