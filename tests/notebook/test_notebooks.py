"""The notebooks run from top to bottom, and what is committed is what a fresh run gives."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.notebook.running import NAMES, NOTEBOOKS, UPDATE, run_fresh


@pytest.fixture(scope="module", params=NAMES)
def both(request: pytest.FixtureRequest) -> tuple[Any, Any]:
    """A notebook as it is committed, and after a run."""
    return nbformat.read(NOTEBOOKS / request.param, as_version=4), run_fresh(request.param)  # type: ignore[no-untyped-call]


def texts(notebook: Any) -> list[str]:
    """What the code cells print and show, without pictures."""
    found = []
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            data = {} if output.output_type == "stream" else output.data
            is_picture = "image/png" in data
            found.append(output.text if output.output_type == "stream" else "" if is_picture else data["text/plain"])
    return found


def pictures(notebook: Any) -> list[Any]:
    outputs = [one for cell in notebook.cells for one in cell.get("outputs", ())]
    return [one.data["image/png"] for one in outputs if one.output_type != "stream" and "image/png" in one.data]


def test_what_is_committed_is_what_a_fresh_run_gives(both: tuple[Any, Any]) -> None:
    committed, fresh = both
    assert texts(committed) == texts(fresh), UPDATE
    assert len(pictures(committed)) == len(pictures(fresh)) > 0, UPDATE


def test_nothing_warns_and_nothing_tells_of_the_machine(both: tuple[Any, Any]) -> None:
    for notebook in both:
        outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
        assert [one.text for one in outputs if one.get("name") == "stderr"] == []
        assert all("execution" not in cell.metadata for cell in notebook.cells)
    written = nbformat.writes(both[0])  # type: ignore[no-untyped-call]
    assert str(Path.home()) not in written
    assert str(NOTEBOOKS) not in written


def test_each_figure_and_table_is_explained_before_it_is_shown(both: tuple[Any, Any]) -> None:
    kinds = [cell.cell_type for cell in both[0].cells]
    assert kinds[0] == "markdown"
    assert all(before == "markdown" for before, kind in pairwise(kinds) if kind == "code")


@pytest.mark.parametrize("both", ["incident.ipynb"], indirect=True)
def test_the_incident_is_the_one_that_truly_was(both: tuple[Any, Any]) -> None:
    text = "\n".join(texts(both[1]))
    assert "from Wednesday 14 October 2026 14:05 to 14:43 UTC: 38 minutes" in text
    assert text.count("right to the minute") == 2
    assert "81,835 requests failed, 81,835 are on it" in text
    assert "the incident is forgotten on Friday 13 November" in text


@pytest.mark.parametrize("both", ["month.ipynb"], indirect=True)
def test_the_month_adds_up_and_is_as_long_as_in_paris(both: tuple[Any, Any]) -> None:
    text = "\n".join(texts(both[1]))
    assert "hours         745" in text
    assert "1. 14 Oct 16:05 to 16:43: 63.6% of the budget, 28.4 minutes, 81,835 requests" in text
    assert "2. 24 Oct 04:00 to 04:30: 9.5% of the budget" in text
    spent, parts = re.findall(r"budget spent  (.*)%", text), re.findall(r"([0-9.]+)% of the budget", text)
    assert sum(map(float, parts)) == pytest.approx(float(spent[0]), abs=0.2)


@pytest.mark.parametrize("both", ["alert-policy.ipynb"], indirect=True)
def test_the_slow_leak_is_missed_by_the_one_page_alone(both: tuple[Any, Any]) -> None:
    text = "\n".join(texts(both[1]))
    assert text.count("nobody is told of 08 Sep") == 1
    assert text.count("a ticket tells of 08 Sep") == 2
    assert text.index("one-hour.yaml: pages") < text.index("nobody is told")
