"""`slo gate --server`: what a running service decides, and one clear line for everything that is no decision."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given as each
from hypothesis import strategies as st

from slo.cli import run
from slo.decision import Decision, GateReason, Outcome
from slo.render.decision_json import decision_document, read_decision, render_decision_json
from tests.gates.worlds import AT, decided, gate, given, override, reason
from tests.scrape import servers
from tests.scrape.servers import Exporter, exporting, misbehaving

DENIED = decided(gate(), given("a/b", reason("a/b", Outcome.DENY, observed=0.1, threshold=0.25, window_minutes=60)))
OPEN = decided(gate(), given("a/b"))
UNKNOWN = decided(gate(on_unknown={"default": "allow"}), given("a/b"), at=AT + timedelta(hours=1))


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Exporter]:
    """A server that answers with what it is told."""
    monkeypatch.delenv("SLO_TOKEN", raising=False)
    with exporting(render_decision_json(OPEN), "application/json") as exporter:
        yield exporter


def ask(service: Exporter, *more: str) -> int:
    return run(["gate", "deploy", "--server", f"http://{service.address}", *more])


def answers(service: Exporter, body: str, status: int = 200, content_type: str = "application/json") -> None:
    service.body, service.status, service.content_type = body.encode(), status, content_type


@pytest.mark.parametrize(("decision", "code"), [(OPEN, 0), (DENIED, 1), (UNKNOWN, 0)], ids=["open", "deny", "unknown"])
def test_the_exit_code_is_what_the_service_decides(
    service: Exporter, decision: Decision, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    answers(service, render_decision_json(decision))
    assert ask(service, "-o", "json") == code
    assert json.loads(capsys.readouterr().out) == decision_document(decision)


def test_reasons_are_told_in_words(service: Exporter, capsys: pytest.CaptureFixture[str]) -> None:
    answers(service, render_decision_json(DENIED))
    assert ask(service) == 1
    assert capsys.readouterr().out.splitlines()[:2] == [
        "Gate deploy is closed (deny, 2026-11-01T00:00:00Z)",
        "-> deny    a/b: min_budget_remaining",
    ]


def test_it_asks_for_the_gate_and_the_objectives_with_its_token(
    service: Exporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLO_TOKEN", "secret-1")
    assert (
        run(["gate", "deploy", "--server", f"http://{service.address}/slo/", "--slo", 'a/b{pod="x&y"}', "--slo", "c/*"])
        == 0
    )
    [(path, headers)] = service.requests
    parts = urlsplit(path)
    assert (parts.path, parse_qs(parts.query)) == ("/slo/gates/deploy", {"slo": ['a/b{pod="x&y"}', "c/*"]})
    assert headers["Authorization"] == "Bearer secret-1"


def test_without_a_token_none_is_sent(service: Exporter) -> None:
    assert ask(service) == 0
    assert "Authorization" not in service.requests[0][1]


PROBLEM = "application/problem+json"


@pytest.mark.parametrize(
    ("status", "content_type", "body", "code", "says"),
    [
        (404, PROBLEM, '{"detail": "there is no gate deploy"}', 2, "answers 404: there is no gate deploy"),
        (404, "text/html", "<h1>Not found</h1>", 3, "answers 404 instead of a decision; is a service"),
        (401, PROBLEM, '{"detail": "who are you?"}', 3, "it wants a token: set SLO_TOKEN"),
        (503, PROBLEM, '{"detail": "no snapshot\\nyet"}', 3, "answers 503: no snapshot yet"),
        (502, "text/html", "bad gateway", 3, "answers 502 instead of a decision"),
        (302, "text/html", "", 3, "redirects are not followed"),
        (500, PROBLEM, "[]", 3, "answers 500 instead of a decision"),
        (200, "text/html", "<h1>welcome</h1>", 3, "no decision; is it a service"),
        (200, "application/json", '{"allowed": true}', 3, "no decision; is it a service"),
        (200, "application/json", "[" * 100_000, 3, "no decision; is it a service"),
        (200, "application/json", render_decision_json(OPEN).replace("deploy", "other"), 3, "for another gate"),
        (200, "application/json", render_decision_json(OPEN).replace("true", '"yes"'), 3, "allowed and dry_run"),
        (200, "application/json", render_decision_json(OPEN).replace('"allow"', '"maybe"'), 3, "maybe"),
        (200, "application/json", render_decision_json(OPEN).replace('"reasons"', '"because"'), 3, "reasons"),
        (200, "application/json", render_decision_json(OPEN).replace(": 0.0", ": NaN"), 3, "a number"),
    ],
)
def test_what_is_no_decision_is_told_in_one_line(
    service: Exporter,
    status: int,
    content_type: str,
    body: str,
    code: int,
    says: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    answers(service, body, status, content_type)
    assert ask(service) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert says in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("misbehave", "says"),
    [
        (servers.silent, "no whole answer within 0.5 s"),
        (servers.dripping_head, "no whole answer within 0.5 s"),
        (servers.dripping_body, "no whole answer within 0.5 s"),
        (servers.vanishing, "breaks off in the middle"),
        (servers.babbling, "does not answer in HTTP"),
        (servers.endless_head, "does not answer in HTTP"),
    ],
)
def test_a_server_that_misbehaves_ends_in_time(
    misbehave: servers.Misbehave, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with misbehaving(misbehave) as url:
        address = url.removesuffix("/metrics")
        assert run(["gate", "deploy", "--server", address, "--timeout", "0.5"]) == 3
    assert says in capsys.readouterr().err


def test_an_answer_without_an_end_is_not_read_to_it(capsys: pytest.CaptureFixture[str]) -> None:
    with misbehaving(servers.endless_body) as url:
        assert run(["gate", "deploy", "--server", url.removesuffix("/metrics")]) == 3
    assert "answers with more than 1 MiB" in capsys.readouterr().err


def test_nobody_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["gate", "deploy", "--server", "http://127.0.0.1:9"]) == 3
    assert "http://127.0.0.1:9 cannot be reached: Connection refused" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--server", "slo.example.com"], "is no address"),
        (["--server", "file:///etc/passwd"], "is no address"),
        (["--server", "http://host:99999"], "is no address"),
        (["--server", "http://h\r\nX: y"], "is no address"),
        (["--server", "http://me:secret@host"], "SLO_TOKEN"),
        (["--server", "http://host/?x=1"], "more than an address"),
        (["--server", "http://host", "--demo", "o.yaml"], "leave out --demo and FILE"),
        (["--server", "http://host", "--at", "2026-11-01T00:00:00Z"], "leave out --at"),
    ],
)
def test_a_wrong_call_is_told_before_anybody_is_asked(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["gate", "deploy", *arguments]) == 2
    err = capsys.readouterr().err
    assert says in err
    assert "secret" not in err


def test_a_token_that_cannot_be_one_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SLO_TOKEN", "se\ncret")
    assert run(["gate", "deploy", "--server", "http://127.0.0.1:9"]) == 2
    err = capsys.readouterr().err
    assert "SLO_TOKEN" in err
    assert "cret" not in err


TEXTS = st.text(max_size=20)
NUMBERS = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False))
REASONS = st.builds(
    GateReason,
    slo=TEXTS,
    check=TEXTS,
    outcome=st.sampled_from(Outcome),
    message=TEXTS,
    cause=TEXTS,
    observed=NUMBERS,
    threshold=NUMBERS,
    window_minutes=st.one_of(st.none(), st.integers(1, 10**6)),
)


@each(
    reasons=st.lists(REASONS, max_size=4),
    more=st.integers(0, 100),
    age=NUMBERS,
    opened=st.booleans(),
    dry=st.booleans(),
)
def test_a_decision_reads_back_to_itself(
    reasons: list[GateReason], more: int, age: Any, opened: bool, dry: bool
) -> None:
    one = Decision(
        id="x",
        gate="deploy",
        at=AT,
        outcome=Outcome.WARN,
        allowed=opened,
        dry_run=dry,
        data_age_seconds=age,
        expires_at=AT + timedelta(seconds=9),
        reasons=tuple(reasons),
        decisive=0 if reasons else None,
        reasons_total=len(reasons) + more,
        overridden_by=override() if opened else None,
    )
    assert read_decision(json.loads(render_decision_json(one))) == one
