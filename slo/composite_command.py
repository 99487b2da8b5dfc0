"""The command `composite`: several budgets as one, by weight."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from fractions import Fraction

from slo.commands import DONE, SOURCE_FAILED, Result, asked_time, chosen_files, listed, progress_bar
from slo.composite import Part, composite_of
from slo.errors import UsageError
from slo.objective import Objective
from slo.opening import choose_data, opened
from slo.render.composite import render_json, render_table
from slo.reporting import failures, make_report
from slo.settings import load_settings
from slo.spec import load_files


def composite(arguments: Namespace) -> Result:
    """The composite of the parts; where one's data could not be had, the exit code is 3."""
    settings = load_settings(os.environ, arguments.settings)
    choice = choose_data(arguments, settings)
    asked_at = asked_time(arguments.at)
    known = load_files(chosen_files(arguments.files, settings)).objectives
    weights = _weights(arguments.part, known)
    objectives = [one for one in known if one.id in weights]
    with opened(choice, objectives, asked_at) as (source, at), progress_bar() as progress:
        made = make_report(objectives, source, at=at, progress=progress, simulated=arguments.demo)
    parts = [Part(report=entry, weight=weights[entry.slo]) for entry in made.objectives if entry.slo in weights]
    render = render_json if arguments.output == "json" else render_table
    failed = tuple(f"{slo}: {message}" for slo, message in failures(made))
    text = render(composite_of(parts), made.at, simulated=made.simulated)
    return Result(text, SOURCE_FAILED if failed else DONE, failed)


COMMANDS: dict[str, Callable[[Namespace], Result]] = {"composite": composite}


def _weights(texts: Sequence[str], objectives: Sequence[Objective]) -> dict[str, Fraction]:
    """`ID=WEIGHT` each, or `ID` for a weight of 1. Raises UsageError with what to write instead."""
    ids = [one.id for one in objectives]
    weights: dict[str, Fraction] = {}
    for text in texts:
        slo, _, written = text.partition("=")
        if slo not in ids:
            raise UsageError(f"--part: there is no objective {slo[:60]!r} in these files; there are: {listed(ids)}")
        if slo in weights:
            raise UsageError(f"--part: {slo} is named twice")
        weights[slo] = _weight(written or "1")
    return weights


def _weight(text: str) -> Fraction:
    try:
        weight = Decimal(text)
    except InvalidOperation:
        weight = Decimal(0)
    if not weight.is_finite() or not 0 < weight <= 1_000_000:
        raise UsageError(f"--part: {text[:60]!r} is not a weight; write a number over 0, such as shop/availability=2")
    return Fraction(weight)
