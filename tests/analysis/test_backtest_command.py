"""`slo backtest`: policies side by side over a file of known truth."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from slo.clock import format_time
from slo.window import datetime_of
from tests.analysis.commands import answered, called, write_events, write_objectives
from tests.analysis.histories import MONTH, START, history


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """An outage of 2 hours at 5 %, and one of 3 minutes."""
    events = history(MONTH, (10_000, 120, 0.05), (30_000, 3, 1.0), total=500.0)
    return write_objectives(tmp_path), write_events(tmp_path, {"shop": events})


def time(minute: int) -> str:
    return format_time(datetime_of(START + minute))


def test_the_scores_of_several_policies_are_told_side_by_side(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = ["--policy", "sre-workbook", "--policy", "pyrra-28d"]
    document = answered(capsys, "backtest", files[0], "--data", files[1], *chosen)
    (one,) = document["objectives"]
    assert [event["start"] for event in one["events"]] == [time(10_000), time(30_000)]
    assert [policy["policy"] for policy in one["policies"]] == ["sre-workbook", "pyrra-28d"]
    fast = one["policies"][0]["alerts"][0]
    assert (fast["severity"], fast["long_window"], fast["short_window"], fast["factor"]) == ("page", "1h", "5m", 14.4)
    assert [found["detection_minutes"] for found in fast["detections"]] == [18, 1]
    assert [found["reset_minutes"] for found in fast["detections"]] == [4, 5]
    assert (fast["precision_ratio"], fast["recall_ratio"], fast["unmatched"]) == (1.0, 1.0, [])
    assert one["policies"][0]["alerts"][4]["long_window"] is None


def test_labels_take_the_place_of_incidents(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text(
        f"start,end,slo,name\n{time(10_000)},{time(10_120)},,release\n{time(99)},{time(200)},shop/other,\n"
    )
    code, out, err = called(capsys, "backtest", files[0], "--data", files[1], "--labels", labels)
    assert code == 0
    assert err == f"slo: {labels}: labels of shop/other are not used: no such objective is looked at\n"
    assert "1 labelled event\n" in out
    assert f"every page: fired without an event, {format_short(30_001)} to" in out


def format_short(minute: int) -> str:
    return f"{datetime_of(START + minute):%Y-%m-%d %H:%M}"


def test_the_table_lists_what_was_missed(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    windows = tmp_path / "slow.yaml"
    windows.write_text("name: slow\npairs:\n  - {severity: page, long: 3d, short: 6h, budget_share: 10%}\n")
    code, out, _ = called(capsys, "backtest", files[0], "--data", files[1], "--policy", windows)
    assert code == 0
    assert f"missed {format_short(30_000)} to {format_short(30_003)}, 6.9 % of the budget" in out


def test_a_plot_is_written_as_its_name_says(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, begin in (("a.png", b"\x89PNG"), ("a.svg", b"<?xml")):
        code, _, err = called(capsys, "backtest", files[0], "--data", files[1], "--plot", tmp_path / name)
        assert (code, err) == (0, "")
        assert (tmp_path / name).read_bytes().startswith(begin)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--plot", "a.docx"], "--plot: a.docx is none of .png, .svg, .pdf"),
        (["--policy", "mine"], "--policy: there is no alert policy 'mine'; known: pyrra-28d, sre-workbook"),
        (["--labels", "absent.csv"], "absent.csv: cannot be read"),
        (["--incident-share", "200%"], "--incident-share is over 0 and at most 100%"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    code, out, err = called(capsys, "backtest", files[0], "--data", files[1], *options)
    assert (code, out) == (2, "")
    assert message in err


def test_without_matplotlib_a_plot_says_what_to_install_and_writes_nothing(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    plot = tmp_path / "a.png"
    code, out, err = called(capsys, "backtest", files[0], "--data", files[1], "--plot", plot)
    assert (code, out) == (2, "")
    assert err == "slo: --plot needs matplotlib: install slo with its extra, pip install 'slo[notebook]'\n"
    assert not plot.exists()
