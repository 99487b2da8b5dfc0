"""The command `rules`: objective files in, a folder of rule files out."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path

from slo.commands import Result, chosen_files, chosen_objectives
from slo.errors import UsageError
from slo.generated import GeneratedFile, bears, differences, write_folder
from slo.kubernetes_names import object_labels, object_name_of
from slo.objective import Objective
from slo.render.rules import FORMATS, MADE_BY, Layout, object_name, render_inhibition, render_rules
from slo.settings import load_settings
from slo.units import format_duration, parse_duration

FAILED_CHECK = 1
_DEFAULT_FOLDER = Path("rules")


def rules(arguments: Namespace) -> Result:
    """Write the rules of all objectives, print them, or tell whether a folder of them is up to date."""
    layout = _layout(arguments)
    if arguments.tests and layout.format == "prometheusrule":
        raise UsageError("--tests: promtool reads plain rule files; give --format prometheus")
    if arguments.tests and not arguments.output and not arguments.check:
        raise UsageError("--tests: name the folder by -o DIR")
    settings = load_settings(os.environ, arguments.settings)
    objectives = chosen_objectives(chosen_files(arguments.files, settings), arguments.globs)
    files, left_out = render_rules(objectives, layout)
    if not arguments.output and not arguments.check:
        return Result("---\n".join(file.text for file in files), errors=tuple(left_out))
    files = [*files, render_inhibition(objectives), *(_tests(objectives) if arguments.tests else ())]
    folder = arguments.output or _DEFAULT_FOLDER
    _refuse_clashes(folder, files, objectives)
    if arguments.check:
        stale = differences(folder, files, sign=MADE_BY)
        cure = "make it anew by the same command without --check"
        return Result("".join(f"{line}; {cure}\n" for line in stale), FAILED_CHECK if stale else 0)
    write_folder(folder, files, sign=MADE_BY)
    return Result("", errors=tuple(left_out))


COMMANDS: dict[str, Callable[[Namespace], Result]] = {"rules": rules}


def _layout(arguments: Namespace) -> Layout:
    if arguments.format not in FORMATS:
        raise UsageError(f"--format: {arguments.format!r} is none of {', '.join(FORMATS)}")
    if arguments.rules_in_group is not None and arguments.rules_in_group < 1:
        raise UsageError("--rules-in-group: a group holds at least one rule")
    return Layout(
        format=arguments.format,
        namespace=object_name_of(arguments.namespace, "--namespace"),
        labels=object_labels(arguments.label),
        rules_in_group=arguments.rules_in_group,
        delay=_duration(arguments.delay),
        tenant=object_name_of(arguments.tenant, "--tenant"),
    )


def _duration(text: str) -> str:
    try:
        return format_duration(int(parse_duration(text))) if text else ""
    except ValueError as error:
        raise UsageError(f"--delay: {error}") from None


def _tests(objectives: Sequence[Objective]) -> list[GeneratedFile]:
    from slo.render.rules.promtool import render_tests

    return render_tests(objectives)


def _refuse_clashes(folder: Path, files: Sequence[GeneratedFile], objectives: Sequence[Objective]) -> None:
    """Other rule files in the folder must be readable, and name no group and no object that ours name."""
    own = {folder / file.name for file in files}
    others = [path for path in sorted(folder.glob("*.y*ml")) if path not in own] if folder.is_dir() else []
    if not others:
        return
    from slo.foreign_rules import names_in

    groups = {f"{objective.id}{ending}" for objective in objectives for ending in ("", ":period")}
    objects = {object_name(objective.service) for objective in objectives}
    for path in others:
        if bears(path, MADE_BY):
            continue
        for kind, name in names_in(path):
            if name in (groups if kind == "group" else objects):
                raise UsageError(f"{path}: has a {kind} named {name} too; rename it, or choose another folder")
