"""`slo month` as it is typed: Markdown, and a page that prints, on an event file of known truth."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from datetime import UTC, datetime
from html import unescape
from pathlib import Path

import pytest

from slo.clock import utc_now
from slo.record import Record
from slo.window import datetime_of
from tests.analysis.commands import called
from tests.analysis.histories import MONTH, START, history
from tests.notebook.shops import OBJECTIVES, events_frame, objectives_in
from tests.support.chromium import CURE

SEPTEMBER = 2 * 1440
"""The first minute of September in a history that begins on 30 August."""
HOSTILE = "<script>alert('1')</script> | # [x](javascript:1) @all"


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """September with two outages of ten minutes: of both services, and of the cart alone; the file ends on the 29th."""
    services = {
        "cart": history(MONTH, (SEPTEMBER + 1000, 10, 1.0), (SEPTEMBER + 20_000, 10, 0.3), total=100.0),
        "frontend": history(MONTH, (SEPTEMBER + 20_000, 10, 0.9), total=400.0),
    }
    path = tmp_path / "events.parquet"
    events_frame(services).to_parquet(path)
    text = OBJECTIVES.replace("target: 99.9%", f"target: 99.9%\n    description: {HOSTILE!r}")
    return objectives_in(tmp_path, text), path


def test_markdown_tells_the_truth(files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = called(capsys, "month", files[0], "--data", files[1], "--month", "2026-09", "--format", "markdown")
    assert (code, err) == (0, "")
    assert out.startswith("# Service level objectives: September 2026\n")
    # 4,900 bad of 28 days at 500 a minute: 1 - 4900 / 20160000, of a budget of 20,160.
    assert "| shop/availability | met | 99.9% | 99.975% | 24.4% |" in out
    assert "so far (until 29 Sep 00:00)" in out
    assert "| 14 Sep 21:20 | 10m | 3,900 of 5,000 | 19.4% | 7.8 | frontend 92.3%; cart 7.7% |" in out
    assert "| 01 Sep 16:40 | 10m | 1,000 of 5,000 | 5.0% | 2.0 | cart 100.0% |" in out
    assert "| 2026-08 | 100% | 0.0% | 100% |" in out
    assert "<script>" not in out
    assert "\\<script\\>" in out


def test_times_are_those_of_the_zone(files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    zone = ["--time-zone", "Europe/Paris", "--format", "markdown"]
    _, out, _ = called(capsys, "month", files[0], "--data", files[1], "--month", "2026-09", *zone)
    assert "from (Europe/Paris)" in out
    assert "| 14 Sep 23:20 |" in out


def test_markdown_in_a_folder_has_its_images_beside_it(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "reports" / "2026"
    options = ["--month", "2026-09", "--format", "markdown", "-o", folder]
    code, out, err = called(capsys, "month", files[0], "--data", files[1], *options)
    assert (code, out, err) == (0, f"{folder / '2026-09.md'}\n", "")
    text = (folder / "2026-09.md").read_text(encoding="utf-8")
    names = re.findall(r"!\[.*\]\((.*)\)", text)
    assert sorted(["2026-09.md", *names]) == sorted(one.name for one in folder.iterdir())
    assert len(names) == 2
    assert all((folder / name).read_bytes().startswith(b"\x89PNG") for name in names)


def test_the_page_needs_nothing_from_elsewhere_and_runs_nothing(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = called(capsys, "month", files[0], "--data", files[1], "--month", "2026-09")
    assert (code, err) == (0, "")
    assert "<script" not in out
    assert HOSTILE in unescape(out)
    assert out.count('<img src="data:image/png;base64,') == 2
    assert not re.findall(r"(?:src|href)=\"(?!data:)", out)
    assert "24.4%" in out
    assert "@page" in out


def test_the_page_prints_on_sheets_of_its_own(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = shutil.which("chromium")
    assert program is not None, f"chromium is not on PATH: {CURE}"
    called(capsys, "month", files[0], "--data", files[1], "--month", "2026-09", "-o", tmp_path)
    pdf = tmp_path / "month.pdf"
    command = [program, "--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer"]
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    done = subprocess.run(
        [*command, profile, f"--print-to-pdf={pdf}", (tmp_path / "2026-09.html").as_uri()],
        capture_output=True,
        check=False,
        timeout=240,
    )
    content = pdf.read_bytes()
    assert content.startswith(b"%PDF"), done.stderr.decode(errors="replace")
    # The table of all objectives, then each objective from a new sheet on; A4 is 595 by 842 points.
    assert len(re.findall(rb"/Type\s*/Page\b", content)) >= 2
    assert re.search(rb"/MediaBox\s*\[0 0 59[45]\.\d+ 84[12]\.\d+\]", content)


def test_the_record_tells_who_opened_a_gate(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "record.db"
    with Record(str(path), create=True) as record:
        until = datetime_of(int(utc_now().timestamp() // 60) + 60)
        asyncio.run(record.override(gate="deploy", slos=(), by="ada", reason="the | fix <b>", until=until))
    this = f"{utc_now():%Y-%m}"
    shifted = events_frame()
    shifted["time"] += datetime_of(int(utc_now().timestamp() // 60) + 1) - datetime_of(START + MONTH)
    shifted.to_parquet(files[1])
    options = ["--month", this, "--format", "markdown", "--record", path]
    code, out, _ = called(capsys, "month", files[0], "--data", files[1], *options)
    assert code == 0
    assert "| deploy | opened by ada until " in out
    assert "the \\| fix \\<b\\>" in out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--month", "2026-13"], "'2026-13' is not a month; write one such as 2026-10"),
        (["--month", "2026-09", "--format", "pdf"], "--format: 'pdf' is none of markdown, html"),
        (["--month", "2026-09", "--time-zone", "Paris"], "--time-zone: 'Paris' is no time zone"),
        (["--month", "2026-09", "--time-zone", "../etc/passwd"], "is no time zone"),
        (["--month", "2026-09", "--before", "99"], "--before is a number of months from 0 to 24"),
        (["--month", "2026-09", "--gap", "x"], "--gap: 'x' is not a duration"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    code, out, err = called(capsys, "month", files[0], "--data", files[1], *options)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_a_month_without_data_fails_as_a_source(files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = called(capsys, "month", files[0], "--data", files[1], "--month", "2020-01")
    assert (code, out) == (3, "")
    assert err == "slo: shop/availability: there are no data of that time\n"
    assert datetime_of(START) == datetime(2026, 8, 30, tzinfo=UTC)
