"""The command `forecast`: when a budget will be gone, or come back, and how far to trust that."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable

from slo.commands import DONE, SOURCE_FAILED, Result
from slo.correction import corrected
from slo.forecast import forecast
from slo.history import History, read_histories
from slo.render.forecast import Foreseen, render_json, render_table
from slo.window import Interval


def forecast_budgets(arguments: Namespace) -> Result:
    """The forecast of every objective; those whose data could not be had make the exit code 3."""
    histories = read_histories(arguments, begin=arguments.begin, end=arguments.end)
    found = [_foreseen(one) for one in histories.found]
    render = render_json if arguments.output == "json" else render_table
    text = render(found, simulated=histories.simulated)
    return Result(text, SOURCE_FAILED if histories.failures else DONE, histories.failures)


COMMANDS: dict[str, Callable[[Namespace], Result]] = {"forecast": forecast_budgets}


def _foreseen(history: History) -> Foreseen:
    """At the end of what was seen, without what corrections leave out."""
    objective, events = history.objective, history.events
    concerned = [one for one in history.corrections if one.concerns(objective)]
    counted, _ = corrected(events, concerned, Interval(events.start, events.end))
    return Foreseen(
        objective=objective,
        at=history.within.end,
        forecast=forecast(objective, counted, history.within.end, is_backtested=True),
    )
