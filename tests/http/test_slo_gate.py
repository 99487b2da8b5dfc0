"""`slo gate --server` asks the service itself: the same words and exit codes as over data of one's own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest

from slo.cli import run
from tests.http.shop import AT, Shop, running_shop


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A service that answers nobody without a token."""
    with running_shop(tmp_path_factory.mktemp("guarded"), anonymous="none", with_tokens=True) as running:
        yield running


@pytest.fixture
def asker(guarded: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """The token of a pipeline is in the environment."""
    monkeypatch.setenv("SLO_TOKEN", guarded.tokens["decide"])
    return guarded


def ask(shop: Shop, gate: str, *more: str) -> int:
    return run(["gate", gate, "--server", shop.url, *more])


@pytest.mark.parametrize(
    ("gate", "code", "says"),
    [
        ("open", 0, "Gate open is open (allow"),
        ("burning", 1, "-> deny    cloudshop/latency: the budget burns at 18.0 times"),
        ("spent", 1, "-> deny    cloudshop/exhausted: -"),
        ("blind", 1, "Gate blind is unknown, and so closed"),
        ("trusting", 0, "Gate trusting is unknown, which it lets through"),
        ("trying", 0, "Gate trying is a dry run that lets everything through; it would be closed"),
        ("warning", 0, "Gate warning is open, with a warning"),
        ("all", 1, "Gate all is closed (deny"),
    ],
)
def test_each_answer_has_its_exit_code(
    asker: Shop, gate: str, code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(asker, gate) == code
    assert says in capsys.readouterr().out


def test_some_of_the_objectives_may_be_asked_about(asker: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(asker, "all", "--slo", "cloudshop/week", "-o", "json") == 0
    assert json.loads(capsys.readouterr().out)["decision"] == "allow"
    group = 'cloudshop/availability{service="frontend"}'
    ask(asker, "all", "--slo", group, "-o", "json")
    reasons = json.loads(capsys.readouterr().out)["reasons"]
    assert {one["slo"] for one in reasons} <= {group}


def test_what_the_service_does_not_know_is_a_wrong_call(asker: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(asker, "prod") == 2
    assert "there is no gate 'prod'; there are: " in capsys.readouterr().err
    assert ask(asker, "open", "--slo", "cart/none") == 2


def test_without_its_token_no_decision_can_be_had(
    guarded: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("SLO_TOKEN", raising=False)
    assert ask(guarded, "open") == 3
    assert "set SLO_TOKEN" in capsys.readouterr().err
    monkeypatch.setenv("SLO_TOKEN", "slo_wrong")
    assert ask(guarded, "open") == 3
    assert "the token is not accepted" in capsys.readouterr().err


def test_an_override_opens_the_gate_and_is_told(asker: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    made = asker.call(
        asker.record.override(
            gate="spent", slos=(), by="alice", reason="hotfix", start=AT, until=AT + timedelta(hours=1)
        )
    )
    try:
        asker.tick()
        assert ask(asker, "spent") == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].startswith("Gate spent is open, with a warning")
        assert lines[1].startswith("-> warn    overridden by alice until 2026-11-01T01:00:00Z: hotfix")
        assert lines[2].startswith("   deny    cloudshop/exhausted: -")
    finally:
        asker.call(asker.record.revoke(made.id, by="alice", reason="done"))
        asker.tick()
    assert ask(asker, "spent") == 1
