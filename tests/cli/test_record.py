"""`slo decisions` and `slo override` as they are typed."""

from __future__ import annotations

import getpass
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from slo.cli import run
from slo.clock import utc_now
from slo.decision import Outcome
from slo.record import Record
from tests.record.entries import AT, call, change

Typed = Callable[[str], tuple[int, str, str]]


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """Runs a command line beside a ledger slo.db; `_` within a word stands for a space."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLO_LEDGER", "slo.db")
    monkeypatch.delenv("SLO_RECORD", raising=False)

    def run_line(line: str) -> tuple[int, str, str]:
        code = run([word.replace("_", " ") for word in line.split()])
        out, err = capsys.readouterr()
        return code, out, err

    return run_line


@pytest.fixture
def record(tmp_path: Path, typed: Typed) -> Path:
    """A record in its usual place: a change, a verdict and a caller."""
    path = tmp_path / "slo-record.db"
    with Record(str(path), create=True, writer="here") as opened:
        opened.decided([change(Outcome.ALLOW), change(slo="shop/a"), change(gate="chaos")])
    return path


@pytest.mark.usefixtures("record")
def test_the_record_is_shown_newest_first(typed: Typed) -> None:
    code, table, err = typed("decisions")
    assert (code, err) == (0, "")
    assert [line.split()[2:4] for line in table.splitlines()[1:]] == [
        ["decision", "chaos"],
        ["verdict", "deploy"],
        ["decision", "deploy"],
    ]
    assert "12 % of the budget is left, 25 % is required" in table
    page = json.loads(typed("decisions -o json --limit 2")[1])
    assert (page["schema"], [one["id"] for one in page["decisions"]], page["next_before"]) == (
        "slo.record/v1",
        [3, 2],
        2,
    )
    assert [one["id"] for one in json.loads(typed("decisions -o json --before 2")[1])["decisions"]] == [1]
    assert typed("decisions --limit 1")[1].endswith("Older ones: --before 3\n")


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        ("--gate deploy", [2, 1]),
        ("--slo shop/*", [2]),
        ("--kind verdict --kind call", [2]),
        ("--since 2026-11-01T12:00:00Z", [3, 2, 1]),
        ("--until 2026-11-01T12:00:00Z", []),
        ("--since 1h", [] if utc_now() > AT.replace(hour=14) else [3, 2, 1]),
    ],
)
@pytest.mark.usefixtures("record")
def test_what_is_asked_for_is_shown(options: str, ids: list[int], typed: Typed) -> None:
    _, out, _ = typed(f"decisions -o json {options}")
    assert [one["id"] for one in json.loads(out)["decisions"]] == ids
    _, table, _ = typed(f"decisions {options}")
    assert (table == "nothing of this is recorded\n") == (ids == [])


def test_a_gate_is_opened_listed_and_closed(typed: Typed, record: Path) -> None:
    assert typed("override") == (0, "no override is in force\n", "")
    code, out, err = typed("override deploy --for 2h --reason a_fix --slo shop/a")
    assert (code, out[:40], err) == (0, "override 4: gate deploy is open until 20", "")
    assert "4: gate deploy for shop/a until" in typed("override")[1]
    (listed,) = json.loads(typed("override -o json")[1])["overrides"]
    assert (listed["by"], listed["reason"]) == (getpass.getuser(), "a fix")
    assert typed("override --revoke 4 --reason done --by bob") == (0, "override 4 of gate deploy is ended\n", "")
    assert typed("override")[1] == "no override is in force\n"
    code, _, err = typed("override --revoke 4 --reason done")
    assert (code, err) == (2, "slo: there is no override 4 in force\n")
    table = typed("decisions --kind override --kind revocation")[1]
    assert "bob" in table
    assert "ends 4: done" in table


@pytest.mark.usefixtures("record")
def test_a_gate_that_never_decided_is_pointed_out(typed: Typed) -> None:
    code, _, err = typed("override dploy --for 2h --reason x --by ada")
    assert (code, "no decision of a gate 'dploy' is recorded" in err) == (0, True)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("override deploy --for 2h", "an override needs a reason"),
        ("override deploy --reason x", "until when? give either --for DURATION or --until TIME"),
        ("override deploy --reason x --for 2h --until 2026-01-01T00:00:00Z", "until when?"),
        ("override deploy --reason x --until 2020-01-01T00:00:00Z", "must end after it begins"),
        ("override deploy --reason x --for 25h", "an override may last 1d at most (SLO_MAX_OVERRIDE)"),
        ("override deploy --reason x --for 9999999999999999d", "longer than time is counted"),
        ("override --reason x --for 2h", "which gate is to be opened?"),
        ("override deploy --revoke 1 --reason x", "no GATE"),
        ("decisions --kind nonsense", "is none of decision, verdict"),
        ("decisions --limit 0", "not a number of entries from 1 to"),
        ("decisions --since yesterday", "--since: 'yesterday' is not a time"),
    ],
)
@pytest.mark.usefixtures("record")
def test_what_cannot_be_is_told_in_a_line(line: str, told: str, typed: Typed) -> None:
    code, out, err = typed(line)
    assert (code, out, told in err, err.count("\n")) == (2, "", True, 1), err
    assert typed("override")[1] == "no override is in force\n"


@pytest.mark.usefixtures("record")
def test_overrides_may_be_allowed_to_last_longer(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLO_MAX_OVERRIDE", "60d")
    assert typed("override deploy --reason x --for 30d")[0] == 0
    code, _, err = typed("override deploy --reason x --for 59d")
    assert (code, "31 days at most; change the gate instead" in err) == (2, True)


def test_a_record_that_is_not_there_is_told_and_not_made(typed: Typed, tmp_path: Path) -> None:
    code, _, err = typed("decisions")
    assert (code, "there is no record slo-record.db; `slo serve` makes one" in err) == (3, True)
    assert typed("override deploy --for 2h --reason x")[0] == 3
    assert list(tmp_path.iterdir()) == []


def test_the_record_is_the_flag_over_the_variable_over_the_file(
    typed: Typed, record: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record.rename("other.db")
    Path("slo.toml").write_text('record = "other.db"\n')
    assert typed("decisions")[0] == 0
    monkeypatch.setenv("SLO_RECORD", "none.db")
    assert "there is no record none.db" in typed("decisions")[2]
    assert typed("decisions --record other.db")[0] == 0
    monkeypatch.delenv("SLO_RECORD")
    Path("slo.toml").write_text("")
    monkeypatch.setenv("SLO_LEDGER", "postgresql://slo@db/slo")
    assert "which record? give --record" in typed("decisions")[2]


def test_foreign_text_cannot_command_the_terminal(typed: Typed, record: Path) -> None:
    import asyncio

    with Record(str(record)) as opened:
        asyncio.run(opened.asked(call(caller="\x1b[31mred\n")))
    _, table, _ = typed("decisions --kind call")
    assert "\x1b" not in table
    assert len(table.splitlines()) == 2
    assert "deny, turned away" in table
