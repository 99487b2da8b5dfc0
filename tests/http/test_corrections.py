"""Corrections over HTTP: tried, made, listed, withdrawn; refused with one clear line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from slo.ledger.corrections import corrections_in_force
from slo.ledger.store import Ledger
from tests.http.shop import Shop, running_shop

HOUR: dict[str, Any] = {
    "slos": ["cloudshop/week", "cloudshop/lat*"],
    "from": "2026-10-31T10:00:00Z",
    "duration": "1h",
    "category": "maintenance",
    "reason": "new database",
}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with running_shop(tmp_path, with_tokens=True, anonymous="none") as running:
        yield running


def listed(client: httpx.Client, *, history: bool = False) -> list[dict[str, Any]]:
    answer = client.get("/corrections", params={"history": "true"} if history else {}).json()
    found: list[dict[str, Any]] = answer["entries" if history else "corrections"]
    return found


def test_a_correction_is_tried_made_listed_and_withdrawn(shop: Shop, tmp_path: Path) -> None:
    with shop.client("admin") as client:
        tried = client.post("/corrections", json=HOUR | {"dry_run": True})
        assert (tried.status_code, tried.json()["concerns"]) == (200, ["cloudshop/latency", "cloudshop/week"])
        assert listed(client) == []
        made = client.post("/corrections", json=HOUR | {"author": "Ada"})
        assert made.status_code == 201
        assert made.json() == {
            "id": 1,
            "slos": HOUR["slos"],
            "category": "maintenance",
            "reason": "new database",
            "author": "Ada (the-admin)",
            "made_at": "2026-11-01T00:00:00Z",
            "start": "2026-10-31T10:00:00Z",
            "end": "2026-10-31T11:00:00Z",
            "concerns": ["cloudshop/latency", "cloudshop/week"],
        }
        with Ledger(str(tmp_path / "slo.db")) as ledger:
            assert [one.id for one in corrections_in_force(ledger)] == [1]
        assert [one["id"] for one in listed(client)] == [1]
        assert client.delete("/corrections/1", params={"reason": "it was not"}).status_code == 204
        assert listed(client) == []
        assert [(one["id"], one.get("withdraws")) for one in listed(client, history=True)] == [(1, None), (2, 1)]
        assert client.delete("/corrections/1", params={"reason": "again"}).status_code == 404


def test_a_maintenance_that_comes_again(shop: Shop) -> None:
    rule = {"rule": "FREQ=WEEKLY;BYDAY=SU", "time_zone": "Europe/Paris"}
    with shop.client("admin") as client:
        made = client.post("/corrections", json=HOUR | rule)
    assert made.status_code == 201
    assert {key: made.json()[key] for key in (*rule, "duration")} == {**rule, "duration": "1h"}


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"reason": ""}, "needs a reason"),
        ({"from": "2026-11-02T00:00:00Z"}, "in the future"),
        ({"from": "2026-10-31T10:00:30Z"}, "whole minutes"),
        ({"from": "yesterday"}, "from: 'yesterday' is not a time"),
        ({"to": "2026-10-31T11:00:00Z"}, "either to or duration"),
        ({"duration": "-1h"}, "is not a duration"),
        ({"duration": "30s"}, "by a minute at least"),
        ({"slos": []}, "names between one and"),
        ({"slos": ["other/*"]}, "no objective matches"),
        ({"slos": "cloudshop/*"}, "slos: write a list"),
        ({"category": "vacation"}, "category: there are maintenance"),
        ({"rule": "FREQ=SECONDLY"}, "a recurrence has a FREQ"),
        ({"rule": "FREQ=DAILY", "time_zone": "Mars/Olympus"}, "IANA time zone"),
        ({"planned": "yes"}, "planned: write true or false"),
        ({"minutes": 5}, "there is no field 'minutes'"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_nothing_is_stored(
    shop: Shop, changes: dict[str, Any], complaint: str
) -> None:
    with shop.client("admin") as client:
        answer = client.post("/corrections", json=HOUR | changes)
        assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
        assert complaint in answer.json()["detail"]
        assert listed(client, history=True) == []


def test_a_ledger_that_is_lost_is_told_and_nothing_falls_over(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "slo.db").rename(tmp_path / "gone.db")
    with shop.client("admin") as client:
        answer = client.post("/corrections", json=HOUR)
        assert (answer.status_code, "there is no ledger" in answer.json()["detail"]) == (503, True)
        assert client.get("/gates/open").status_code == 200
