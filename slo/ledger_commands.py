"""The command that fills the ledger: collect."""

from __future__ import annotations

import os
import signal
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from slo.clock import utc_now
from slo.collecting import Collecting, Pace, Plan
from slo.commands import DONE, SOURCE_FAILED, Result, chosen_files, chosen_objectives, progress_bar
from slo.errors import UsageError
from slo.opening import collected_sources
from slo.redaction import without_password
from slo.render.text import printable
from slo.settings import Settings, load_settings


def collect(arguments: Namespace) -> Result:
    """Collect until stopped, or for so many cycles; standard error tells what an operator should know."""
    settings = load_settings(os.environ, arguments.settings)
    dsn = ledger_dsn(arguments, settings)
    objectives = chosen_objectives(chosen_files(arguments.files, settings), ())
    if arguments.cycles is not None and arguments.cycles < 1:
        raise UsageError(f"--cycles: {arguments.cycles} is not a number of cycles, such as 1")
    pace = Pace(
        cycle_seconds=settings.cycle_seconds,
        backfill_minutes=settings.retention_minutes,
        retention_minutes=settings.retention_minutes,
    )
    with ExitStack() as stack:
        sources = collected_sources(arguments, settings, stack)(objectives)
        plan = Plan(objectives=objectives, sources=sources)
        progress = stack.enter_context(progress_bar())
        collecting = Collecting(dsn, lambda: plan, pace, say=_say, progress=progress, now=utc_now)
        with _stopped_by_signals(collecting.stop):
            complete = collecting.run(arguments.cycles)
    return Result("", DONE if complete else SOURCE_FAILED)


def ledger_dsn(arguments: Namespace, settings: Settings) -> str:
    """The ledger of the flag or the settings."""
    dsn = arguments.ledger or settings.ledger
    if not dsn:
        raise UsageError("which ledger? give --ledger slo.db or --ledger postgresql://user@host/name (or SLO_LEDGER)")
    return str(dsn)


@contextmanager
def _stopped_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    """SIGTERM and SIGINT end the cycle that is under way, and then the command."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, lambda *_: stop()) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _say(message: str) -> None:
    print(f"slo: {printable(without_password(message))}", file=sys.stderr, flush=True)


COMMANDS: dict[str, Callable[[Namespace], Result]] = {"collect": collect}
