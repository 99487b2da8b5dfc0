"""The commands: parsed arguments in, a result out. Whatever is slow to import is imported where it is needed."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from slo.clock import parse_time, utc_now
from slo.errors import SpecError, UsageError
from slo.render.text import printable
from slo.server_settings import UNNAMED, check_prometheus_url
from slo.settings import Settings, check_output, check_timeout, load_settings
from slo.source.server import Server

if TYPE_CHECKING:
    from slo.objective import Objective
    from slo.report import Report
    from slo.source.many import ManySources
    from slo.source.protocol import Progress, Source

DONE, USAGE, SOURCE_FAILED = 0, 2, 3

_DEMO_AT = "2026-11-01T00:00:00Z"
_MAX_IDS_LISTED = 20
_WIDTH_WITHOUT_TERMINAL = 120
_THREE_WAYS = "no data to report on: give --prometheus URL (or SLO_PROMETHEUS_URL), --data FILE or --demo"


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
        spec = load_files(_files(arguments.files, load_settings(os.environ, arguments.settings)))
    except SpecError as error:
        return Result("".join(f"{printable(str(problem))}\n" for problem in error.problems), USAGE)
    return Result(f"{_count(spec.objectives, 'objective')}, {_count(spec.gates, 'gate')}: all valid\n")


def report(arguments: Namespace) -> Result:
    """The report in the chosen form; objectives whose data could not be had are in it, and make the exit code 3."""
    settings = load_settings(os.environ, arguments.settings)
    output = check_output(arguments.output, "--output") if arguments.output else settings.output
    servers = _servers(arguments, settings)
    at = _time(arguments.at)
    timeout_seconds = _timeout(arguments.timeout, settings)
    objectives = _objectives(_files(arguments.files, settings), arguments.globs)
    from slo.reporting import failures, make_report

    source, at = (
        _open_without_server(arguments.data, at)
        if servers is None
        else (_open_servers(servers, objectives, timeout_seconds), at or utc_now())
    )
    with _progress() as progress:
        made = make_report(objectives, source, at=at, progress=progress, simulated=arguments.demo)
    failed = tuple(f"{slo}: {message}" for slo, message in failures(made))
    return Result(_render(made, output), SOURCE_FAILED if failed else DONE, failed)


def init(arguments: Namespace) -> Result:
    """A proposed objective file for what a Prometheus measures."""
    settings = load_settings(os.environ, arguments.settings)
    server = _with_flag(arguments.prometheus, settings).get("")
    if server is None:
        raise UsageError("init looks at a Prometheus: give --prometheus URL (or SLO_PROMETHEUS_URL)")
    timeout_seconds = _timeout(arguments.timeout, settings)
    server.check_files()
    from slo.source.discovery import propose_objectives

    return Result(propose_objectives(server, timeout_seconds=timeout_seconds))


COMMANDS: dict[str, Callable[[Namespace], Result]] = {"validate": validate, "report": report, "init": init}


def _files(files: Sequence[Path], settings: Settings) -> tuple[Path, ...]:
    chosen = tuple(files) or settings.objectives
    if not chosen:
        raise UsageError("no objective file: name one (examples/cloudshop.yaml is an example), or set SLO_OBJECTIVES")
    return chosen


def _objectives(files: tuple[Path, ...], globs: Sequence[str]) -> tuple[Objective, ...]:
    from fnmatch import fnmatchcase

    from slo.spec import load_files

    objectives: tuple[Objective, ...] = load_files(files).objectives
    chosen = tuple(one for one in objectives if not globs or any(fnmatchcase(one.id, glob) for glob in globs))
    if not chosen:
        ids = [one.id for one in objectives]
        more = f" and {len(ids) - _MAX_IDS_LISTED} more" if len(ids) > _MAX_IDS_LISTED else ""
        listed = ", ".join(ids[:_MAX_IDS_LISTED]) + more or "none"
        asked = f" match --slo {' or '.join(globs)}" if globs else ""
        raise UsageError(f"no objectives{asked}; there are: {listed}")
    return chosen


def _servers(arguments: Namespace, settings: Settings) -> Mapping[str, Server] | None:
    """The servers to ask, by name; None where --data or --demo is chosen."""
    given = (
        ("--prometheus", arguments.prometheus is not None),
        ("--data", arguments.data is not None),
        ("--demo", arguments.demo),
    )
    flags = [name for name, is_given in given if is_given]
    if len(flags) > 1:
        raise UsageError(f"{' and '.join(flags)} exclude each other: choose one")
    if flags and arguments.prometheus is None:
        return None
    servers = _with_flag(arguments.prometheus, settings)
    if not servers:
        raise UsageError(_THREE_WAYS)
    return servers


def _with_flag(url: str | None, settings: Settings) -> Mapping[str, Server]:
    """The servers of the settings; an address from the command line stands for the whole unnamed one."""
    if url is None:
        return settings.servers
    return {**settings.servers, "": Server(urls=(check_prometheus_url(url, "--prometheus"),))}


def _time(text: str | None) -> datetime | None:
    try:
        return None if text is None else parse_time(text)
    except UsageError as error:
        raise UsageError(f"--at: {error}") from None


def _timeout(flag: str | None, settings: Settings) -> float:
    return settings.timeout_seconds if flag is None else check_timeout(flag, "--timeout")


def _open_servers(
    servers: Mapping[str, Server], objectives: Sequence[Objective], timeout_seconds: float
) -> ManySources:
    """The servers that the objectives name, each objective read from its own."""
    from slo.source.many import ManySources
    from slo.source.prometheus import PrometheusSource

    wanted = {one.prometheus: one.id for one in reversed(objectives)}
    for name, id_ in wanted.items():
        if name not in servers:
            known = ", ".join(sorted(one or UNNAMED for one in servers))
            missing = f"there is no server {name!r}" if name else "it names no server, and there is none without a name"
            raise UsageError(f"{id_}: {missing} in the settings; there are: {known}")
        servers[name].check_files()
    return ManySources({name: PrometheusSource(servers[name], timeout_seconds=timeout_seconds) for name in wanted})


def _open_without_server(data: Path | None, at: datetime | None) -> tuple[Source, datetime]:
    """The file or the simulated shop, and the time of evaluation that goes with it unless one is given."""
    if data is not None:
        from slo.source.frame import FrameSource

        table = FrameSource.from_file(data)
        return table, at or table.end
    from slo.source.simulated import simulated_cloudshop

    at = at or parse_time(_DEMO_AT)
    return simulated_cloudshop(at=at), at


@contextmanager
def _progress() -> Iterator[Progress]:
    """A bar on standard error where that is a terminal, otherwise nothing."""
    if not sys.stderr.isatty():
        yield lambda share: None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=1.0)
        yield lambda share: bar.update(task, completed=share)


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
