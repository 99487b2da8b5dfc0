"""The verbs of `slo ledger` as they are typed, one after the other on the same ledger."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slo import ledger_verbs
from slo.cli import run
from slo.ledger.lease import Lease
from slo.ledger.store import Ledger
from slo.source.sampled import SampledSource
from slo.spec import load_objectives
from slo.window import Interval, datetime_of
from tests.ledger.ledgers import T0, collect, put, reader, steady

OBJECTIVE = """\
service: shop
objectives:
  - {name: a, target: 99%, window: 1d, sli: {ratio: {bad: bad, total: all}}}
"""
MENDED = OBJECTIVE.replace("bad: bad", "bad: slow")
END = T0 + 1440
ROWS = "slo,start,good,bad\nold/x,2020-01-01T00:00:00Z,10,1\nold/x,2020-01-01T00:01:00Z,10,0\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ledger slo.db into which a day of o.yaml was collected."""
    source = reader(Interval(T0, END + 60))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLO_LEDGER", "slo.db")
    monkeypatch.delenv("SLO_OBJECTIVES", raising=False)
    monkeypatch.setattr(ledger_verbs, "_source", lambda *_: SampledSource(source))
    (tmp_path / "o.yaml").write_text(OBJECTIVE)
    with Ledger("slo.db", create=True) as ledger:
        collect(ledger, load_objectives(OBJECTIVE), source, T0, END)
    return tmp_path


def typed(words: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = run(words.split())
    out, err = capsys.readouterr()
    return code, out, err


def test_what_is_exported_is_imported_and_its_objectives_are_pruned(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "x.csv").write_text(ROWS)
    assert typed("ledger import x.csv", capsys) == (0, "imported 2 rows of 1 objective\n", "")
    code, _, err = typed("ledger import x.csv", capsys)
    assert (code, "old/x has counts of 2020-01-01T00:00:00Z" in err) == (2, True)
    assert typed("ledger import x.csv --replace", capsys)[0] == 0
    assert typed("ledger export y.csv --slo old/*", capsys) == (0, "wrote 2 rows to y.csv\n", "")
    assert (
        typed("ledger export y.csv --from 2020-01-01T00:01:00Z --to 2020-01-01T00:02:00Z", capsys)[1][:11]
        == "wrote 1 row"
    )
    removal = "1 objective (2 minutes in 1 block): old/x\n"
    assert typed("ledger prune o.yaml --dry-run", capsys) == (0, f"would remove {removal}", "")
    assert typed("ledger prune o.yaml", capsys) == (0, f"removed {removal}", "")
    assert typed("ledger prune o.yaml", capsys) == (0, "nothing to remove\n", "")


def test_the_state_is_a_table_or_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, table, _ = typed("ledger status", capsys)
    assert (code, "shop/a" in table) == (0, True)
    _, text, _ = typed("ledger status -o json --slo shop/*", capsys)
    assert json.loads(text)["objectives"][0]["gap_count"] == 0
    assert typed("ledger status --slo no/*", capsys)[0] == 2


def test_verify_says_by_its_exit_code_whether_the_source_agrees(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    times = f"--from {datetime_of(T0 + 60):%Y-%m-%dT%H:%M:%SZ} --to {datetime_of(END - 60):%Y-%m-%dT%H:%M:%SZ}"
    code, out, _ = typed(f"ledger verify o.yaml {times}", capsys)
    assert (code, "the same" in out) == (0, True)
    with Ledger("slo.db") as ledger:
        put(ledger, ledger.epochs()[0], steady(Interval(T0 + 100, T0 + 101), good=100, bad=99))
    code, out, _ = typed(f"ledger verify o.yaml {times}", capsys)
    assert (code, "differs" in out, "counted 100 good, 99 bad; recounted 108 good, 12 bad" in out) == (1, True, True)
    assert typed("ledger verify o.yaml --from yesterday", capsys)[0] == 2


def test_recount_follows_a_mended_indicator(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = typed("ledger recount o.yaml", capsys)
    assert (code, out) == (0, "shop/a: nothing recounted: has been counted by today's indicator all along\n")
    (folder / "o.yaml").write_text(MENDED)
    code, out, _ = typed("ledger recount o.yaml --from 2026-01-01T00:00:00Z", capsys)
    assert (code, out[:27]) == (0, "shop/a: recounted from 2026")
    _, out, _ = typed("report o.yaml -o json", capsys)
    assert "indicator_changed" not in out


@pytest.mark.parametrize("words", ["import x.csv", "recount o.yaml", "prune o.yaml"])
def test_whoever_writes_waits_for_no_collector_but_says_so(
    words: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "x.csv").write_text(ROWS)
    with Ledger("slo.db") as ledger, Lease(ledger) as lease:
        assert lease.acquire()
        code, out, err = typed(f"ledger {words}", capsys)
    assert (code, out) == (3, "")
    assert err == "slo: the ledger slo.db is being written by a collector or another command; stop that first\n"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("prune", "no objective file"),
        ("prune o.yaml --older-than 30d", "--older-than is for all objectives: give it without FILE"),
        ("prune --older-than old", "--older-than: 'old' is not a duration"),
        ("export x.txt", "x.txt: the name ends in .txt; give a .parquet or a .csv file"),
        ("export no/x.csv", "no/x.csv: cannot be written: No such file or directory"),
        ("export x.csv --to soon", "--to: 'soon' is not a time"),
        ("import x.csv y.csv", "unrecognized arguments: y.csv"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_line(
    words: str, complaint: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = typed(f"ledger {words}", capsys)
    assert (code, out) == (2, "")
    assert complaint in err


def test_old_minutes_are_pruned_whatever_their_objective(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "x.csv").write_text(ROWS)
    typed("ledger import x.csv", capsys)
    code, out, _ = typed("ledger prune --older-than 1000d", capsys)
    assert (code, out.endswith("(2 minutes in 1 block) of old/x\n")) == (0, True)


def test_without_an_address_there_is_nothing_to_count_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SLO_PROMETHEUS_URL", raising=False)
    (tmp_path / "o.yaml").write_text(OBJECTIVE)
    Ledger("slo.db", create=True).close()
    code, _, err = typed("ledger recount o.yaml --ledger slo.db", capsys)
    assert (code, "give --prometheus URL" in err) == (2, True)
