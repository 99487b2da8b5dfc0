"""`slo correct` as it is typed: tried out, stored, told by every report, withdrawn, never forgotten."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from pathlib import Path

import pytest

from slo.cli import run
from slo.clock import utc_now
from slo.ledger.store import Ledger
from slo.render.silences import silences_json
from slo.spec import load_objectives
from slo.window import Interval, datetime_of, minute_of
from tests.ledger.ledgers import collect, reader
from tests.support.alertmanager import alertmanager
from tests.support.prometheus import binary

OBJECTIVE = """\
service: shop
objectives:
  - {name: a, target: 99%, window: 1d, sli: {ratio: {bad: bad, total: all}}}
"""
END = minute_of(utc_now()) - 1
START = END - 1440
HOUR = f"--from {datetime_of(END - 120):%Y-%m-%dT%H:%M:%SZ} --for 1h"
ADD = f"correct add o.yaml --slo shop/* {HOUR} --author ada"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ledger slo.db with the day until now: 120 events a minute, 12 of them bad."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLO_LEDGER", "slo.db")
    monkeypatch.delenv("SLO_OBJECTIVES", raising=False)
    (tmp_path / "o.yaml").write_text(OBJECTIVE)
    with Ledger("slo.db", create=True) as ledger:
        collect(ledger, load_objectives(OBJECTIVE), reader(Interval(START, END + 60)), START, END)
    return tmp_path


def typed(words: str, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, str, str]:
    code = run([*words.split(), *more])
    out, err = capsys.readouterr()
    return code, out, err


def corrected_report(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    code, out, _ = typed("report o.yaml -o json", capsys)
    assert code == 0
    found: dict[str, object] = json.loads(out)["objectives"][0]
    return found


def history(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(typed("correct history -o json", capsys)[1])["entries"]
    return found


def test_a_correction_is_tried_stored_told_and_withdrawn(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = corrected_report(capsys)
    code, out, err = typed(ADD, capsys, "--reason", "new database", "--category", "maintenance")
    assert (code, "shop/a: 720 bad of 7200 events in 1h left out; budget left " in out) == (0, True)
    assert err == "slo: nothing was stored: this was a trial; add --yes to store it\n"
    assert corrected_report(capsys) == before
    assert history(capsys) == []

    code, out, err = typed(ADD, capsys, "--reason", "new database", "--category", "maintenance", "--yes")
    assert (code, out.splitlines()[-1], err) == (0, "correction 1 is in force", "")
    after = corrected_report(capsys)
    assert after["bad_events"] == before["bad_events"] - 720  # type: ignore[operator]
    assert after["total_events"] == before["total_events"] - 7200  # type: ignore[operator]
    assert after["corrections"] == [
        {
            "id": 1,
            "category": "maintenance",
            "reason": "new database",
            "author": "ada",
            "minutes": 60,
            "bad_events": 720,
            "total_events": 7200,
        }
    ]
    table = typed("report o.yaml", capsys)[1]
    assert "720 bad of 7200 events" in " ".join(table.split())

    listed = typed("correct list", capsys)[1]
    assert listed.startswith("1: ")
    assert "of shop/*: new database (maintenance, ada, " in listed
    assert typed("correct withdraw 1 --author bob", capsys, "--reason", "it was not the database")[0] == 0
    assert corrected_report(capsys) == before
    assert typed("correct list", capsys)[1] == "no correction is in force\n"
    assert [(one["id"], one.get("withdraws"), one["author"]) for one in history(capsys)] == [
        (1, None, "ada"),
        (2, 1, "bob"),
    ]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (f"correct add o.yaml --slo shop/* {HOUR} --yes", "a correction needs a reason"),
        ("correct add o.yaml --slo shop/* --reason x --yes --from 2027-01-01T00:00:00Z --for 1h", "in the future"),
        ("correct add o.yaml --slo shop/* --reason x --yes --from 2026-01-01T00:00:30Z --for 1h", "within a minute"),
        ("correct add o.yaml --slo shop/* --reason x --yes --from 2026-01-01T00:00:00 --for 1h", "has no zone"),
        (
            "correct add o.yaml --slo * --reason x --yes --from 2026-01-01T00:00:00Z --to 2025-01-01T00:00:00Z",
            "ends after its start",
        ),
        ("correct add o.yaml --slo shop/* --reason x --yes --from 2026-01-01T00:00:00Z", "either --to TIME or --for"),
        (f"correct add o.yaml --slo other/* {HOUR} --reason x --yes", "no objectives match"),
        (f"correct add o.yaml {HOUR} --reason x --yes", "which objectives?"),
        (f"{ADD} --reason x --yes --category vacation", "'vacation' is none of maintenance,"),
        (f"{ADD} --reason x --yes --rule FREQ=SECONDLY", "--rule: a recurrence has a FREQ"),
        (f"{ADD} --reason x --yes --rule FREQ=DAILY --time-zone Mars/Olympus", "not an IANA time zone"),
        ("correct withdraw 7 --reason x", "no correction 7 is in force"),
        ("correct withdraw one --reason x", "'one' is not the number"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line_and_nothing_is_stored(
    folder: Path, capsys: pytest.CaptureFixture[str], words: str, complaint: str
) -> None:
    code, out, err = typed(words, capsys)
    assert (code, out) == (2, "")
    assert complaint in err
    assert len(err.splitlines()) == 1
    assert history(capsys) == []


def test_the_whole_window_may_be_corrected_and_is_then_a_state(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = f"correct add o.yaml --slo shop/a --from {datetime_of(START - 60):%Y-%m-%dT%H:%M:%SZ} --for 2d --yes"
    code, out, _ = typed(words, capsys, "--reason", "another day")
    assert (code, "nothing of the window would be left to judge by" in out) == (0, True)
    report = corrected_report(capsys)
    assert (report["state"], report["availability_ratio"]) == ("no_traffic", None)


def test_an_announced_maintenance_comes_again_every_week_and_silences_its_alerts(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begin = datetime_of(END + 1440)
    words = f"correct add o.yaml --slo shop/? --from {begin:%Y-%m-%dT%H:%M:%SZ} --for 2h --rule FREQ=WEEKLY --yes"
    assert typed(words, capsys, "--reason", "backup", "--author", "ada")[0] == 0
    code, out, err = typed("correct silences --horizon 10d", capsys)
    assert (code, err) == (0, "")
    assert [
        (one["startsAt"], one["matchers"][0]["value"], one["comment"], one["createdBy"]) for one in json.loads(out)
    ] == [
        (f"{datetime_of(END + days * 1440):%Y-%m-%dT%H:%M:%SZ}", "shop/.", "backup (other, correction 1)", "ada")
        for days in (1, 8)
    ]
    assert json.loads(silences_json((), Interval(0, 10))) == []


def test_a_real_alertmanager_silences_the_alerts_of_corrected_objectives(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = f"{ADD} --slo shop/[a-c]x? --yes --for 1d".replace("--for 1h", "").replace("shop/*", "shop/a")
    assert typed(words, capsys, "--reason", "backup")[0] == 0
    text = typed("correct silences", capsys)[1]
    alerts = [
        {"labels": {"alertname": "ErrorBudgetBurn", "slo": slo}}
        for slo in ("shop/a", "shop/bx1", "shop/dx1", "workshop/a")
    ]
    with alertmanager(folder) as url:
        amtool = [binary("amtool"), f"--alertmanager.url={url}", "silence", "import"]
        subprocess.run(amtool, input=text, text=True, check=True, capture_output=True)
        _ask(f"{url}/api/v2/alerts", json.dumps(alerts).encode())
        found = json.loads(_ask(f"{url}/api/v2/alerts?silenced=true"))
    assert {one["labels"]["slo"]: bool(one["status"]["silencedBy"]) for one in found} == {
        "shop/a": True,
        "shop/bx1": True,
        "shop/dx1": False,
        "workshop/a": False,
    }


def _ask(url: str, body: bytes | None = None) -> bytes:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        found: bytes = answer.read()
    return found
