"""Decisions through time: cycles, age of data, freezes, overrides, and a record that fails."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from slo.clock import format_time
from tests.http.shop import AT, Shop, running_shop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with running_shop(tmp_path) as running:
        yield running


@pytest.fixture
def client(shop: Shop) -> Iterator[httpx.Client]:
    with shop.client() as opened:
        yield opened


def decision(client: httpx.Client, gate: str, **params: Any) -> dict[str, Any]:
    answer: dict[str, Any] = client.get(f"/gates/{gate}", params=params).json()
    return answer


def recorded(client: httpx.Client, gate: str, kind: str = "decision") -> list[str]:
    """What the record says of a gate as a whole, oldest first."""
    entries = client.get("/decisions", params={"gate": gate, "kind": kind, "limit": 1000}).json()["decisions"]
    return [entry["decision"] for entry in reversed(entries)]


def test_the_same_question_in_the_same_cycle_has_the_same_answer(shop: Shop, client: httpx.Client) -> None:
    first = decision(client, "spent")
    shop.clock.at += timedelta(seconds=30)
    assert decision(client, "spent") == first
    shop.publish(1, cycle=2)
    later = decision(client, "spent")
    assert later["id"] != first["id"]
    assert recorded(client, "spent") == ["deny"]


def test_data_that_grow_too_old_make_unknown_without_a_new_cycle(shop: Shop, client: httpx.Client) -> None:
    assert decision(client, "open")["decision"] == "allow"
    shop.clock.at = AT + timedelta(minutes=4, seconds=59)
    assert decision(client, "open")["decision"] == "allow"
    shop.clock.at = AT + timedelta(minutes=5, seconds=1)
    answer = client.get("/budget/check?gate=open")
    assert (answer.status_code, answer.headers["slo-reason"]) == (403, "stale")
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert answer.json()["reasons"][0]["observed"] == 301
    assert recorded(client, "open") == ["allow", "unknown"]
    assert decision(client, "spent")["decision"] == "deny"
    shop.publish(5, cycle=2)
    assert decision(client, "open")["decision"] == "allow"
    assert recorded(client, "open") == ["allow", "unknown", "allow"]


def test_changes_with_the_time_are_recorded_though_nobody_asks(shop: Shop, client: httpx.Client) -> None:
    shop.clock.at = AT + timedelta(minutes=2)
    shop.tick()
    shop.clock.at = AT + timedelta(minutes=3)
    shop.tick()
    assert recorded(client, "frozen") == ["allow", "deny", "allow"]
    entry = client.get("/decisions?gate=frozen&kind=decision").json()["decisions"][1]
    assert entry["at"] == "2026-11-01T00:02:00Z"
    assert entry["reasons"][0]["check"] == "freeze"


def break_glass(client: httpx.Client, gate: str, minutes: int = 30, **more: Any) -> httpx.Response:
    until = format_time(AT + timedelta(minutes=minutes))
    body = {"reason": "fix of an outage", "until": until, "by": "ada", **more}
    return client.post(f"/gates/{gate}/override", json=body)


def test_break_glass_lets_through_says_who_and_ends(shop: Shop, client: httpx.Client) -> None:
    assert client.get("/budget/check?gate=spent").status_code == 403
    made = break_glass(client, "spent", minutes=2)
    assert made.status_code == 201
    assert made.json()["by"] == "ada (anonymous@127.0.0.1)"
    answer = client.get("/budget/check?gate=spent")
    assert (answer.status_code, answer.json()["decision"]) == (200, "warn")
    assert answer.json()["override"]["reason"] == "fix of an outage"
    assert client.get("/gates/spent/override").json()["overrides"] == [made.json()]
    assert client.get("/gates/open/override").json()["overrides"] == []
    shop.clock.at = AT + timedelta(minutes=2)
    assert client.get("/budget/check?gate=spent").status_code == 403
    assert recorded(client, "spent") == ["deny", "warn", "deny"]
    kinds = [one["kind"] for one in client.get("/decisions?gate=spent").json()["decisions"]]
    assert kinds.count("override") == 1


def test_an_override_is_ended_before_its_time(client: httpx.Client) -> None:
    number = break_glass(client, "spent").json()["id"]
    assert client.delete(f"/gates/spent/override/{number}").status_code == 400
    assert client.delete(f"/gates/open/override/{number}?reason=over").status_code == 404
    assert client.delete(f"/gates/spent/override/{number}?reason=over").status_code == 204
    assert client.get("/budget/check?gate=spent").status_code == 403
    assert client.delete(f"/gates/spent/override/{number}?reason=over").status_code == 404
    entry = client.get("/decisions?kind=revocation").json()["decisions"][0]
    assert entry["reason"] == "over"


def test_an_override_of_some_objectives_opens_for_these_alone(client: httpx.Client) -> None:
    assert break_glass(client, "all", slos=["cloudshop/exhausted"]).status_code == 201
    assert decision(client, "all", slo="cloudshop/exhausted")["decision"] == "warn"
    assert decision(client, "all", slo="cloudshop/silent")["decision"] == "unknown"
    assert decision(client, "all")["decision"] == "unknown"


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"until": None}, "until: write a text"),
        ({"until": "tomorrow"}, "until: 'tomorrow' is not a time"),
        ({"until": format_time(AT)}, "until: write a time within the next 1d"),
        ({"until": format_time(AT + timedelta(days=2))}, "until: write a time within the next 1d"),
        ({"reason": ""}, "reason: write a text of 3 to 500"),
        ({"reason": "x" * 501}, "reason: write a text of 3 to 500"),
        ({"reason": 5}, "reason: write a text of 3 to 500"),
        ({"by": ""}, "by: write a text"),
        ({"slos": []}, "slos: write a list"),
        ({"slos": "cloudshop/week"}, "slos: write a list"),
        ({"slos": [1]}, "slos: an id has"),
        ({"slo": "x"}, "no field 'slo'"),
    ],
)
def test_an_override_that_is_wrong_is_told_why(client: httpx.Client, change: dict[str, Any], detail: str) -> None:
    answer = break_glass(client, "spent", **change)
    assert (answer.status_code, detail in answer.json()["detail"]) == (400, True), answer.text
    assert client.get("/budget/check?gate=spent").status_code == 403


def test_an_override_needs_somebody(client: httpx.Client) -> None:
    until = format_time(AT + timedelta(minutes=5))
    answer = client.post("/gates/spent/override", json={"reason": "because", "until": until})
    assert (answer.status_code, answer.json()["detail"]) == (400, "by: write a text of 1 to 100 characters")


def test_an_override_of_another_process_is_seen(shop: Shop, client: httpx.Client, tmp_path: Path) -> None:
    from slo.record import Record

    async def elsewhere() -> None:
        with Record(str(tmp_path / "record.db"), now=shop.clock) as other:
            await other.override(gate="spent", by="bob", reason="elsewhere", until=AT + timedelta(minutes=9))

    shop.call(elsewhere())
    deadline = time.monotonic() + 60
    while client.get("/budget/check?gate=spent").status_code == 403 and time.monotonic() < deadline:
        shop.tick()
    assert client.get("/budget/check?gate=spent").json()["override"]["by"] == "bob"


def broken(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The record's disk is full from now on: nothing can be written, all can be read."""
    from slo.errors import RecordError

    def fail(*_: object, **__: object) -> None:
        raise RecordError("record.db: the disk is full")

    monkeypatch.setattr(shop.record, "_add", fail)
    monkeypatch.setattr(shop.record, "_try_to_write", lambda: None)


def test_a_change_that_cannot_be_kept_is_not_given(
    shop: Shop, client: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert decision(client, "open")["decision"] == "allow"
    with monkeypatch.context() as patched:
        broken(shop, tmp_path, patched)
        shop.clock.at = AT + timedelta(minutes=2)
        frozen = client.get("/budget/check?gate=frozen")
        assert (frozen.status_code, frozen.headers["slo-reason"]) == (403, "record")
        assert decision(client, "open")["decision"] == "allow"
        assert decision(client, "spent")["decision"] == "deny"
        posted = client.post("/gates/open", json={})
        assert (posted.status_code, "record" in posted.json()["detail"]) == (503, True)
        assert posted.headers["retry-after"]
        ready = client.get("/readyz").json()
        assert (ready["status"], ready["checks"]["record"]["ok"]) == ("degraded", False)
        assert client.get("/readyz?strict=true").status_code == 503
        assert break_glass(client, "frozen").status_code == 503
        shop.tick()
        assert decision(client, "frozen")["decision"] == "unknown"
    shop.tick()
    assert decision(client, "frozen")["decision"] == "deny"
    assert client.post("/gates/open", json={}).status_code == 200
    assert recorded(client, "frozen") == ["allow", "deny"]
    assert client.get("/readyz").json()["status"] == "ok"


def test_a_restart_records_no_change_that_is_none(tmp_path: Path) -> None:
    for _ in range(2):
        with running_shop(tmp_path) as shop, shop.client() as client:
            assert decision(client, "spent")["decision"] == "deny"
            assert recorded(client, "spent") == ["deny"]
            assert recorded(client, "spent", kind="verdict") == ["deny"]
