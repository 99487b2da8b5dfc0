"""A pipeline's curl, somebody's override and their way into the record, processes of their own beside `slo serve`."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from slo.cli import run
from slo.demo.shop import DemoShop
from tests.callers.test_callers import text_of
from tests.http.served import FILE, eventually, served

FROZEN = (
    FILE + '  - {name: frozen, objectives: ["cloudshop/*"], max_data_age: 5m, on_unknown: allow, freeze: [FREEZE]}\n'
)
FREEZE = '{start: "2020-01-01T00:00:00Z", end: "2120-01-01T00:00:00Z", reason: Sale}'


def curl(url: str) -> tuple[int, str]:
    """Exit code, and what the gate decided."""
    done = subprocess.run(
        ["sh", "-c", text_of("curl.sh", "frozen")],
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "SLO_URL": url, "NO_PROXY": "*"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, str(json.loads(done.stdout)["decision"])


def test_an_override_opens_a_frozen_gate_for_a_pipeline_until_it_is_revoked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "o.yaml"
    file.write_text(FROZEN.replace("FREEZE", FREEZE), encoding="utf-8")
    monkeypatch.setenv("SLO_LEDGER", str(tmp_path / "slo.db"))
    monkeypatch.delenv("SLO_RECORD", raising=False)
    with DemoShop() as shop:
        options = [str(file), *(f"--scrape=shop={url}" for url in shop.urls), "--scrape-interval", "1s"]
        with served(tmp_path, options) as running:
            assert curl(running.url) == (22, "deny")
            assert run(["override", "frozen", "--for", "1h", "--reason", "a fix", "--by", "ada"]) == 0
            number = capsys.readouterr().out.split()[1].rstrip(":")
            eventually(lambda: curl(running.url) == (0, "warn"))
            assert run(["override", "--revoke", number, "--reason", "it is out", "--by", "bob"]) == 0
            eventually(lambda: curl(running.url) == (22, "deny"))
    capsys.readouterr()
    assert run(["decisions", "--gate", "frozen", "-o", "json"]) == 0
    entries = json.loads(capsys.readouterr().out)["decisions"]
    told = [(one["kind"], one.get("decision") or one["by"]) for one in entries if one["kind"] != "verdict"]
    assert told == [
        ("decision", "deny"),
        ("revocation", "bob"),
        ("decision", "warn"),
        ("override", "ada"),
        ("decision", "deny"),
    ]
