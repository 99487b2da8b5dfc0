"""`slo forecast`: dates, bands and their coverage, from a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from slo.clock import format_time
from slo.window import datetime_of
from tests.analysis.commands import answered, called, write_events, write_objectives
from tests.analysis.histories import DAY, MONTH, START, history


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Two months: an outage that exhausted the budget five days ago, and little before."""
    events = history(2 * MONTH, (2 * MONTH - 5 * DAY, 50, 1.0), base=0.0001, total=2000.0)
    return write_objectives(tmp_path), write_events(tmp_path, {"shop": events})


def test_scenarios_band_and_coverage_are_told(files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    (one,) = answered(capsys, "forecast", files[0], "--data", files[1])["objectives"]
    made = one["forecast"]
    assert one["at"] == format_time(datetime_of(START + 2 * MONTH))
    assert made["until"] == format_time(datetime_of(START + 3 * MONTH))
    quiet = next(scenario for scenario in made["scenarios"] if scenario["scenario"] == "quiet")
    assert quiet["exhausted_at"] == one["at"]
    assert quiet["recovered_at"] == format_time(datetime_of(START + 3 * MONTH - 5 * DAY + 60))
    assert len(quiet["remaining_ratio_by_hour"]) == 720
    assert len(made["band"]["low"]) == 30
    assert [each["horizon"] for each in made["coverage"]] == ["1d", "7d"]


def test_the_table_says_when_and_how_far_to_trust_it(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = called(capsys, "forecast", files[0], "--data", files[1])
    assert (code, err) == (0, "")
    back = f"{datetime_of(START + 3 * MONTH - 5 * DAY + 60):%Y-%m-%d %H:%M}"
    assert f"already    something is left again {back}" in out
    assert "with 90 %: between" in out
    assert "made in the past, each from what was known then" in out


def test_at_an_earlier_time_the_budget_is_not_exhausted(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    end = format_time(datetime_of(START + 2 * MONTH - 6 * DAY))
    code, out, _ = called(capsys, "forecast", files[0], "--data", files[1], "--to", end)
    assert code == 0
    assert "not within the period" in out
    assert "already" not in out


def test_what_cannot_be_forecast_says_why(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    full = tmp_path / "full.yaml"
    full.write_text(files[0].read_text(encoding="utf-8").replace("99.9%", "100%"), encoding="utf-8")
    code, out, _ = called(capsys, "forecast", full, "--data", files[1])
    assert code == 0
    assert out == "shop/availability: no forecast, as a target of 100 % has no budget\n"
