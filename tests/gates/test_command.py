"""`slo gate` over a ledger: it decides with the source down, and the age of the data counts from now."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from slo.cli import run
from slo.clock import format_time, utc_now

OBJECTIVES = """
service: shop
objectives:
  - name: a
    target: 99.9%
    window: 2h
    min_observed: 0%
    sli: {ratio: {bad: b_total, total: t_total}}
gates:
  - name: deploy
    objectives: ["shop/a", 'shop/a{*}']
    min_budget_remaining: 0%
    max_data_age: 1h
    max_burn_rate: {6h: 1}
"""


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A ledger in the current folder that was written until a minute ago: 100 events a minute, none bad."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLO_LEDGER", "slo.db")
    monkeypatch.setenv("SLO_PROMETHEUS_URL", "http://127.0.0.1:9")
    Path("o.yaml").write_text(OBJECTIVES, encoding="utf-8")
    newest = utc_now().replace(second=0, microsecond=0) - timedelta(minutes=1)
    rows = (f"shop/a,{format_time(newest - timedelta(minutes=ago))},100,0\n" for ago in range(90, 0, -1))
    Path("d.csv").write_text("slo,start,good,bad\n" + "".join(rows), encoding="utf-8")
    assert run(["ledger", "import", "d.csv"]) == 0
    capsys.readouterr()
    return tmp_path


def decision(capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, dict[str, Any]]:
    code = run(["gate", "deploy", "o.yaml", "-o", "json", *more])
    return code, json.loads(capsys.readouterr().out)


def test_a_ledger_decides_with_the_source_down(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, made = decision(capsys)
    assert (code, made["decision"], made["reasons"]) == (0, "allow", [])
    assert 60 <= made["data_age_seconds"] < 3600


def test_data_that_were_fresh_are_stale_two_hours_later(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    later = format_time(utc_now() + timedelta(minutes=70))
    code, made = decision(capsys, "--at", later)
    assert (code, made["decision"]) == (1, "unknown")
    assert {one["cause"] for one in made["reasons"]} >= {"stale"}


def test_without_the_ledger_nothing_can_be_decided(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, made = decision(capsys, "--prometheus", "http://127.0.0.1:9")
    assert (code, made["decision"], made["reasons"][0]["cause"]) == (3, "unknown", "no_data")
    Path("slo.db").unlink()
    assert run(["gate", "deploy", "o.yaml"]) == 3
    assert capsys.readouterr().out == ""


def test_groups_that_there_are_not_close_nothing(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert decision(capsys, "--slo", "shop/a")[0] == 0
    code, made = decision(capsys, "--slo", "shop/a{*}")
    assert (code, made["reasons"][0]["check"]) == (1, "no_objective")
