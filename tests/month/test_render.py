"""Corrections and what the record says, in both forms, as text whatever it holds."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import pytest

from slo.clock import parse_time
from slo.correction import Category, Correction
from slo.incident import IncidentRule
from slo.monthly import Month, month_of
from slo.render.month import MonthReport, Recorded, render_html, render_markdown
from slo.window import Interval
from tests.analysis.histories import MONTH, START, history
from tests.arithmetic.objectives import objective

HOSTILE = "</td><img src=x onerror=alert(1)> | `x`"
BEGIN = 2 * 1440 + 600
"""A minute of 1 September in a history from 30 August on."""


@pytest.fixture
def report() -> MonthReport:
    maintenance = Correction(
        id=1,
        slos=("cloudshop/*",),
        when=Interval(START + BEGIN, START + BEGIN + 10),
        category=Category.MAINTENANCE,
        reason=HOSTILE,
        author="ada",
        made_at=parse_time("2026-09-02T00:00:00Z"),
    )
    events = history(MONTH, (BEGIN, 10, 1.0), (BEGIN + 5000, 5, 1.0))
    month = Month(2026, 9)
    made = month_of(
        objective(), {(): events}, [maintenance], month, time_zone="UTC", end_minute=events.end, rule=IncidentRule()
    )
    assert made is not None
    opened = Recorded(at=parse_time("2026-09-03T10:00:00Z"), gate="deploy", what="opened by ada", why=HOSTILE)
    return MonthReport(month=month, objectives=(made,), simulated=False, recorded=(opened,), rule=IncidentRule())


def test_a_correction_is_listed_with_what_it_left_out_and_why(report: MonthReport) -> None:
    text = render_markdown(report, [])
    row = "| 01 Sep 10:00, 10m | maintenance | 10,000 bad of 10,000 events | "
    (line,) = [line for line in text.splitlines() if line.startswith(row)]
    assert line.endswith(" | ada |")
    assert "onerror" in line
    assert not re.search(r"(?<!\\)[<`]", text)
    assert "5,000 of 5,000" in text  # the outage that counts is billed, the other is not
    assert text.count("10,000 of 10,000") == 0


def test_a_page_shows_hostile_text_as_text(report: MonthReport) -> None:
    page = render_html(report, [(b"first", b"second")])
    assert page.count(HOSTILE) == 0
    assert unescape(page).count(HOSTILE) == 3  # in a note, in the table of corrections, in that of gates
    assert page.count("<img ") == 2
    assert "opened by ada" in page


def test_simulated_figures_say_so(report: MonthReport) -> None:
    simulated = replace(report, simulated=True)
    assert "SIMULATED DATA" in render_markdown(simulated, [])
    assert "SIMULATED DATA" in render_html(simulated, [(b"", b"")])
    assert "SIMULATED DATA" not in render_html(report, [(b"", b"")])
