"""What every form of a report keeps to, whatever the figures are."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo.alert_policy import AlertPolicy, WindowPair
from slo.events import EventSeries
from slo.objective import Objective, RatioSLI
from slo.render import figures
from slo.render.report_csv import render_csv
from slo.render.report_json import render_json
from slo.render.report_markdown import render_markdown
from slo.render.report_table import render_table
from slo.report import ObjectiveReport, Report, evaluate
from slo.selector import Selector
from slo.window import CalendarUnit, CalendarWindow, RollingWindow, Window, minute_of

AT = datetime(2026, 11, 1, tzinfo=UTC)
AT_MINUTE = minute_of(AT)
PAIRS = (
    WindowPair(severity="page", long_minutes=60, short_minutes=5, budget_share=Fraction(2, 100)),
    WindowPair(severity="ticket", long_minutes=4320, short_minutes=360, budget_share=Fraction(10, 100)),
)

targets = st.decimals("0.00001", 1, places=5)
counts = st.integers(0, 10**12)
windows = st.sampled_from(
    [RollingWindow(1440), RollingWindow(43_200), CalendarWindow(CalendarUnit.MONTH, "Europe/Paris")]
)


def entry(
    bad: int, good: int, *, target: Decimal = Decimal("0.999"), window: Window | None = None, name: str = "availability"
) -> ObjectiveReport:
    """The report on one minute of events at the end of the window, all of which was seen."""
    objective = Objective(
        service="shop",
        name=name,
        target_ratio=target,
        window=window or RollingWindow(1440),
        sli=RatioSLI(total=Selector("all"), bad=Selector("bad")),
        alert_policy=AlertPolicy(name="two", pairs=PAIRS),
    )
    minutes = 50_000
    bads, totals = np.zeros(minutes), np.zeros(minutes)
    bads[-1], totals[-1] = bad, bad + good
    return evaluate(objective, EventSeries.from_minutes(AT_MINUTE - minutes, bads, totals, np.ones(minutes)), at=AT)


def report(*entries: ObjectiveReport, simulated: bool = False) -> Report:
    return Report(at=AT, objectives=entries, simulated=simulated)


def refuse_constant(name: str) -> Any:
    raise AssertionError(f"{name} in JSON")


def shown_percent(text: str) -> Fraction:
    return Fraction(text.removesuffix("%")) / 100


@settings(max_examples=60, deadline=None)
@given(bad=counts, good=counts, target=targets, window=windows)
def test_json_holds_numbers_or_null_and_every_form_can_be_made(
    bad: int, good: int, target: Decimal, window: Window
) -> None:
    whole = report(entry(bad, good, target=target, window=window))
    document = json.loads(render_json(whole), parse_constant=refuse_constant)
    assert document["objectives"][0]["total_events"] == bad + good
    rows = list(csv.DictReader(io.StringIO(render_csv(whole))))
    assert all(cell not in ("nan", "inf") for row in rows for cell in row.values())
    assert render_markdown(whole)
    assert render_table(whole)


@settings(max_examples=200, deadline=None)
@given(bad=counts, good=counts, target=targets)
def test_a_missed_target_never_looks_met_nor_a_met_one_missed(bad: int, good: int, target: Decimal) -> None:
    one = entry(bad, good, target=target)
    if bad + good:
        met = Fraction(good, bad + good) >= Fraction(target)
        shown = shown_percent(figures.availability_percent(one))
        assert (shown >= shown_percent(figures.target_percent(one))) == met


@given(ratio=st.floats(allow_nan=False, allow_infinity=False))
def test_what_is_left_is_never_shown_as_more(ratio: float) -> None:
    assert shown_percent(figures.remaining_percent(ratio)) <= Fraction(repr(ratio))


@given(st.integers(1, 10**6), st.integers(0, 10**9))
def test_any_bad_event_shows(bad: int, good: int) -> None:
    one = entry(bad, good)
    assert figures.availability_percent(one) != "100%"
    assert figures.remaining_percent(one.budget.remaining_ratio) != "100.0%"


def test_a_barely_missed_target_shows_enough_digits() -> None:
    assert figures.availability_percent(entry(1004, 998_996)) == "99.899%"
    assert figures.target_percent(entry(0, 1, target=Decimal("0.9990"))) == "99.9%"


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
def test_a_spreadsheet_runs_no_text(start: str) -> None:
    one = replace(entry(5, 1), slo=f"{start}cmd|' /C calc'!A0", service=f"{start}x")
    row = next(csv.DictReader(io.StringIO(render_csv(report(one)))))
    assert row["slo"].startswith(f"'{start}")
    assert row["service"].startswith(f"'{start}")
    assert float(row["budget_remaining_ratio"]) < 0


@pytest.mark.parametrize("control", ["\r", "\n", "\t", "\x1b"])
def test_a_row_of_csv_is_one_line(control: str) -> None:
    text = render_csv(report(replace(entry(5, 1), slo=f"{control}=x")))
    assert len(text.splitlines()) == 2
    assert control not in text.splitlines()[1]


def test_the_header_of_csv_is_the_same_without_objectives() -> None:
    assert render_csv(report()).splitlines()[0] == render_csv(report(entry(0, 1))).splitlines()[0]


def test_names_are_text_to_markdown() -> None:
    one = replace(entry(0, 1), slo="a|b\n# <script> [x](y) `z` @all")
    text = render_markdown(report(one))
    row = next(line for line in text.splitlines() if line.startswith("| a"))
    assert row.startswith(r"| a\|b\\n\# \<script\> \[x\](y) \`z\` &#64;all |")


@pytest.mark.parametrize("width", [60, 80, 120, 200])
@pytest.mark.parametrize("colour", [False, True])
def test_names_are_text_to_a_terminal(width: int, colour: bool) -> None:
    one = replace(entry(0, 1), slo="[red]x[/red]\x1b[2J\u202e\x07")
    text = render_table(report(one), width=width, colour=colour)
    assert "\x1b[2J" not in text
    assert "\u202e" not in text
    assert "\x07" not in text
    assert colour == ("\x1b[" in text)
    if not colour:
        assert "[red]x[/red]" in "".join(line[: line.find(" ")] for line in text.splitlines()[2:])
        assert max(map(len, text.splitlines())) <= width


def test_the_worst_comes_first() -> None:
    entries = [
        entry(0, 1000, name="fine"),
        entry(9, 1000, name="spent"),
        entry(0, 0, name="idle"),
        entry(90, 1000, name="worse"),
    ]
    assert [one.slo for one in figures.worst_first(tuple(entries))] == [
        "shop/worse",
        "shop/spent",
        "shop/idle",
        "shop/fine",
    ]


@pytest.mark.parametrize("width", [80, 120])
def test_simulated_data_are_marked_in_every_form(width: int) -> None:
    simulated = report(entry(0, 1), simulated=True)
    assert render_table(simulated, width=width).count("SIMULATED DATA") == 2
    assert "SIMULATED DATA" in render_markdown(simulated)
    assert json.loads(render_json(simulated))["simulated"] is True
    assert next(csv.DictReader(io.StringIO(render_csv(simulated))))["simulated"] == "true"
    assert "simulated" not in json.loads(render_json(report(entry(0, 1))))


def test_an_output_without_blocks_gets_ascii() -> None:
    text = render_table(report(entry(0, 1)), ascii_only=True)
    assert text.isascii()
    assert "########" in text


def test_the_unit_of_minutes_is_said_once() -> None:
    for text in (render_table(report(entry(0, 1), entry(1, 1))), render_markdown(report(entry(0, 1), entry(1, 1)))):
        assert text.count("total outage at average traffic") == 1


@given(st.floats(0, 1e300))
def test_a_burn_rate_is_never_shown_as_less(rate: float) -> None:
    one = entry(1, 10)
    burning = replace(one, burn_rates=(replace(one.burn_rates[0], window_minutes=60, burn_rate=rate),))
    assert float(figures.burn_rate(burning, 60)) >= rate or math.isclose(float(figures.burn_rate(burning, 60)), rate)
