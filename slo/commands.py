"""The commands: parsed arguments in, a result out. Whatever is slow to import is imported where it is needed."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from slo.clock import parse_time
from slo.errors import SpecError, UsageError
from slo.render.text import printable
from slo.settings import Settings, check_output, load_settings

if TYPE_CHECKING:
    from slo.objective import Objective
    from slo.report import Report
    from slo.source.protocol import Progress

DONE, USAGE, SOURCE_FAILED = 0, 2, 3

_MAX_IDS_LISTED = 20
_WIDTH_WITHOUT_TERMINAL = 120


@dataclass(frozen=True, slots=True)
class Result:
    """What a command leaves: the text for standard output, lines for standard error, and the exit code."""

    text: str
    exit_code: int = DONE
    errors: tuple[str, ...] = ()


def validate(arguments: Namespace) -> Result:
    """Every problem of the objective files, or how much was found to be right."""
    from slo.spec import load_files

    try:
        spec = load_files(chosen_files(arguments.files, load_settings(os.environ, arguments.settings)))
    except SpecError as error:
        return Result("".join(f"{printable(str(problem))}\n" for problem in error.problems), USAGE)
    return Result(f"{_count(spec.objectives, 'objective')}, {_count(spec.gates, 'gate')}: all valid\n")


def report(arguments: Namespace) -> Result:
    """The report in the chosen form; objectives whose data could not be had are in it, and make the exit code 3."""
    from slo.opening import choose_data, opened

    settings = load_settings(os.environ, arguments.settings)
    output = check_output(arguments.output, "--output") if arguments.output else settings.output
    choice = choose_data(arguments, settings)
    asked_at = asked_time(arguments.at)
    objectives = chosen_objectives(chosen_files(arguments.files, settings), arguments.globs)
    from slo.reporting import failures, make_report

    with opened(choice, objectives, asked_at) as (source, at), progress_bar() as progress:
        made = make_report(objectives, source, at=at, progress=progress, simulated=arguments.demo)
    failed = tuple(f"{slo}: {message}" for slo, message in failures(made))
    return Result(_render(made, output), SOURCE_FAILED if failed else DONE, failed)


def init(arguments: Namespace) -> Result:
    """A proposed objective file for what a Prometheus measures."""
    from slo.opening import servers_of, timeout_of

    settings = load_settings(os.environ, arguments.settings)
    server = servers_of(arguments, settings).get("")
    if server is None:
        raise UsageError("init looks at a Prometheus: give --prometheus URL (or SLO_PROMETHEUS_URL)")
    timeout_seconds = timeout_of(arguments, settings)
    server.check_files()
    from slo.source.discovery import propose_objectives

    return Result(propose_objectives(server, timeout_seconds=timeout_seconds))


COMMANDS: dict[str, Callable[[Namespace], Result]] = {"validate": validate, "report": report, "init": init}


def chosen_files(files: Sequence[Path], settings: Settings) -> tuple[Path, ...]:
    chosen = tuple(files) or settings.objectives
    if not chosen:
        raise UsageError("no objective file: name one (examples/cloudshop.yaml is an example), or set SLO_OBJECTIVES")
    return chosen


def chosen_objectives(files: tuple[Path, ...], globs: Sequence[str]) -> tuple[Objective, ...]:
    from fnmatch import fnmatchcase

    from slo.spec import load_files

    objectives: tuple[Objective, ...] = load_files(files).objectives
    chosen = tuple(one for one in objectives if not globs or any(fnmatchcase(one.id, glob) for glob in globs))
    if not chosen:
        asked = f" match --slo {' or '.join(globs)}" if globs else ""
        raise UsageError(f"no objectives{asked}; there are: {listed([one.id for one in objectives])}")
    return chosen


def listed(names: Sequence[str]) -> str:
    """As many of them as anybody reads."""
    more = f" and {len(names) - _MAX_IDS_LISTED} more" if len(names) > _MAX_IDS_LISTED else ""
    return ", ".join(names[:_MAX_IDS_LISTED]) + more or "none"


def asked_time(text: str | None) -> datetime | None:
    """What `--at` says, if it was given."""
    try:
        return None if text is None else parse_time(text)
    except UsageError as error:
        raise UsageError(f"--at: {error}") from None


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A bar on standard error where that is a terminal, from the first news of progress until all is done."""
    if not sys.stderr.isatty():
        yield lambda share: None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    bar = Bar(console=Console(stderr=True), transient=True)
    task = bar.add_task("reading", total=1.0)

    def show(share: float) -> None:
        if share < 1:
            bar.start()
        bar.update(task, completed=share)
        if share >= 1:
            bar.stop()

    try:
        yield show
    finally:
        bar.stop()


def _render(made: Report, output: str) -> str:
    if output == "json":
        from slo.render.report_json import render_json

        return render_json(made)
    if output == "csv":
        from slo.render.report_csv import render_csv

        return render_csv(made)
    if output == "markdown":
        from slo.render.report_markdown import render_markdown

        return render_markdown(made)
    from shutil import get_terminal_size

    from slo.render.report_table import render_table

    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    width = get_terminal_size((_WIDTH_WITHOUT_TERMINAL, 24)).columns
    return render_table(made, width=width, colour=colour, ascii_only=not _can_print("\u2588"))


def _can_print(character: str) -> bool:
    try:
        character.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _count(things: Sequence[object], name: str) -> str:
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"
