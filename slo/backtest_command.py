"""The command `backtest`: what alert policies would have been worth over a history."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from slo.alert_policy import AlertPolicy
from slo.backtest import Significant, backtest, labelled_event, significant_events
from slo.commands import DONE, SOURCE_FAILED, Result
from slo.errors import UsageError
from slo.history import History, read_histories
from slo.incident import IncidentRule
from slo.incidents_command import incident_rule
from slo.objective import Objective
from slo.render.backtest import Tested, render_json, render_table
from slo.spec.labels import Label, read_labels
from slo.spec.policy import named_policy
from slo.window import Interval

_PLOTS = (".png", ".svg", ".pdf")


def backtest_policies(arguments: Namespace) -> Result:
    """Every policy over every objective; those whose data could not be had make the exit code 3."""
    rule = incident_rule(arguments)
    chosen = [_windows(name) for name in arguments.policy]
    labels = read_labels(arguments.labels) if arguments.labels else None
    if arguments.plot is not None:
        _check_plot(arguments.plot)
    histories = read_histories(arguments, begin=arguments.begin, end=arguments.end)
    notes = list(histories.failures) + _unused(labels, [one.objective for one in histories.found], arguments.labels)
    tested = [_tested(one, chosen, labels, rule) for one in histories.found]
    if arguments.plot is not None and tested:
        _plot(arguments.plot, tested, histories.found)
    render = render_json if arguments.output == "json" else render_table
    text = render(tested, None if labels is not None else rule, simulated=histories.simulated)
    return Result(text, SOURCE_FAILED if histories.failures else DONE, tuple(notes))


COMMANDS: dict[str, Callable[[Namespace], Result]] = {"backtest": backtest_policies}


def _windows(name: str) -> AlertPolicy:
    try:
        return named_policy(name, Path())
    except ValueError as error:
        raise UsageError(f"--policy: {error}") from None


def _tested(
    history: History, chosen: Sequence[AlertPolicy], labels: Sequence[Label] | None, rule: IncidentRule
) -> Tested:
    objective, events, within = history.objective, history.events, history.within
    significant = (
        significant_events(objective, events, within, rule)
        if labels is None
        else _labelled(history, [label for label in labels if label.concerns(objective.id)])
    )
    policies = [_raised_as_in(objective, policy) for policy in chosen] or [objective.alert_policy]
    results = tuple(backtest(objective, policy, events, within, significant) for policy in policies)
    return Tested(objective=objective, within=within, significant=tuple(significant), results=results)


def _raised_as_in(objective: Objective, windows: AlertPolicy) -> AlertPolicy:
    """The other windows, raised as the objective's file says: waits, severities that are off, evidence."""
    return replace(objective.alert_policy, name=windows.name, pairs=windows.pairs)


def _labelled(history: History, labels: Sequence[Label]) -> list[Significant]:
    """The labels within the history, cut to it."""
    found = []
    for label in labels:
        start, end = max(label.interval.start, history.within.start), min(label.interval.end, history.within.end)
        if start < end:
            found.append(labelled_event(history.objective, history.events, Interval(start, end), label.name))
    return found


def _unused(labels: Sequence[Label] | None, objectives: Sequence[Objective], path: Path | None) -> list[str]:
    ids = {objective.id for objective in objectives}
    others = sorted({label.slo for label in labels or () if label.slo and label.slo not in ids})
    return [f"{path}: labels of {', '.join(others)} are not used: no such objective is looked at"] if others else []


def _check_plot(path: Path) -> None:
    if path.suffix.lower() not in _PLOTS:
        raise UsageError(f"--plot: {path} is none of {', '.join(_PLOTS)}")
    from slo.render.plotting import require_matplotlib

    require_matplotlib("--plot")


def _plot(path: Path, tested: Sequence[Tested], histories: Sequence[History]) -> None:
    if len(tested) > 1:
        raise UsageError(f"--plot draws one objective, not {len(tested)}: choose one by --slo")
    from slo.render.backtest_plot import draw

    draw(path, tested[0], histories[0].events)
