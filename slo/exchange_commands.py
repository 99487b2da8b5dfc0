"""The commands `import` and `export`: a way in from other tools, and a way out."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

from slo.commands import DONE, USAGE, Result, chosen_files, chosen_objectives
from slo.errors import UsageError
from slo.settings import load_settings
from slo.spec.values import as_whole_minutes
from slo.whole_file import whole_file


def import_(arguments: Namespace) -> Result:
    """An objective file from what other tools have, and a list of what could not be carried over."""
    from slo.spec.peers import read_peers

    try:
        as_whole_minutes(arguments.window)
    except ValueError as error:
        raise UsageError(f"--window: {error}") from None
    _refuse_existing(arguments)
    found = read_peers(arguments.files, window=arguments.window)
    lost = tuple(str(one) for one in found.lost)
    if lost:
        lost = (f"{len(lost)} things are not carried over:", *lost)
    if not found.objectives:
        return Result("", USAGE, (*lost, "no objective could be carried over"))
    if lost and arguments.strict:
        return Result("", USAGE, (*lost, "nothing is written: --strict"))
    return _delivered(arguments.output, found.text, lost)


def export(arguments: Namespace) -> Result:
    """The objectives in another tool's format."""
    if arguments.format != "openslo":
        raise UsageError(f"--format: {arguments.format!r} is none of openslo")
    _refuse_existing(arguments)
    settings = load_settings(os.environ, arguments.settings)
    objectives = chosen_objectives(chosen_files(arguments.files, settings), arguments.globs)
    from slo.render.openslo import render_openslo

    return _delivered(arguments.output, render_openslo(objectives), ())


COMMANDS: dict[str, Callable[[Namespace], Result]] = {"import": import_, "export": export}


def _refuse_existing(arguments: Namespace) -> None:
    if arguments.output and arguments.output.exists() and not arguments.force:
        raise UsageError(f"{arguments.output} exists; give --force to overwrite it, or name another file")


def _delivered(output: Path | None, text: str, lost: tuple[str, ...]) -> Result:
    if output is None:
        return Result(text, DONE, lost)
    with whole_file(output) as file:
        file.write(text.encode())
    return Result("", DONE, lost)
