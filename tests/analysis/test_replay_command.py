"""`slo replay`: a gate and a list of deploys over a file of known truth."""

from __future__ import annotations

from pathlib import Path

import pytest

from slo.clock import format_time
from slo.window import datetime_of
from tests.analysis.commands import answered, called, write_events, write_objectives
from tests.analysis.histories import DAY, START, history


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Ten days, an outage of 10 minutes on the seventh."""
    events = history(10 * DAY, (7 * DAY, 10, 0.1), total=1000.0)
    return write_objectives(tmp_path), write_events(tmp_path, {"shop": events})


def time(minute: int) -> str:
    return format_time(datetime_of(START + minute))


def deploys(folder: Path) -> Path:
    path = folder / "deploys.csv"
    minutes = ((6 * DAY, "fine"), (7 * DAY - 3, "bad"), (7 * DAY + 30, "hotfix"), (50 * DAY, "later"))
    path.write_text("time,name\n" + "".join(f"{time(minute)},{name}\n" for minute, name in minutes))
    return path


def test_answers_and_deploys_are_told(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = deploys(tmp_path)
    base = ["replay", "deploy", files[0], "--data", files[1], "--step", "1h", "--deploys", path]
    code, out, err = called(capsys, *base)
    assert code == 0
    assert err == "slo: 1 of 4 deploys are outside of the history; left out\n"
    assert "1 blocked: 0 did harm, 1 none" in out
    assert "2 let through: 1 did no harm, 1 did" in out
    assert "hotfix blocked, 0.0 % spent after it: shop/availability: the budget burns at" in out


def test_the_document_holds_every_stretch(files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    document = answered(capsys, "replay", "deploy", files[0], "--data", files[1], "--step", "1h")
    assert document["schema"] == "slo.replay/v1"
    denied = [one for one in document["answers"] if one["decision"] == "deny"]
    assert [(one["start"], one["end"]) for one in denied] == [(time(7 * DAY + 60), time(7 * DAY + 120))]
    assert denied[0]["decisive"]["check"] == "max_burn_rate"
    assert sum(document["share_of_time"].values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--step", "10s"], "--step is a number of whole minutes"),
        (["--horizon", "soon"], "--horizon: 'soon' is not a duration"),
        (["--harm", "0"], "--harm is over 0 and at most 100%"),
        (["--deploys", "absent.csv"], "absent.csv: cannot be read"),
        (["--slo", "bank/*"], "no objectives match --slo bank/*"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    code, out, err = called(capsys, "replay", "deploy", files[0], "--data", files[1], *options)
    assert (code, out) == (2, "")
    assert message in err


def test_an_unknown_gate_is_told_with_those_that_there_are(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = called(capsys, "replay", "ship", files[0], "--data", files[1])
    assert code == 2
    assert err == "slo: there is no gate 'ship' in these files; there are: deploy\n"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("deploys.csv", "time,name\n2026-10-05T00:00:00,x\n", "deploys.csv:2:1: the time '2026-10-05T00:00:00' has no"),
        ("deploys.csv", "at\n", "there is no column 'time'"),
        ("deploys.yaml", "- {time: 2026-10-05T00:00:00}\n", "deploys.yaml:1:10: [0].time: the time"),
        ("deploys.txt", "", "deploys are read from .csv, .yaml or .yml files"),
    ],
)
def test_a_wrong_deploys_file_is_told_with_its_line(
    files: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    text: str,
    message: str,
) -> None:
    path = tmp_path / name
    path.write_text(text)
    code, out, err = called(capsys, "replay", "deploy", files[0], "--data", files[1], "--deploys", path)
    assert (code, out) == (2, "")
    assert message in err


def test_yaml_deploys_are_read_as_well(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "deploys.yaml"
    path.write_text(f"- {{time: {time(6 * DAY)}}}\n- time: {time(7 * DAY - 3)}\n  name: bad\n")
    document = answered(capsys, "replay", "deploy", files[0], "--data", files[1], "--step", "1d", "--deploys", path)
    assert [(one["name"], one["was_right"]) for one in document["deploys"]] == [("", True), ("bad", False)]
