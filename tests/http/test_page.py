"""The page in the service: what it is given, and who may see it. How it looks is tested beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.http.shop import Shop, running_shop


def test_the_overview_and_each_objective_are_there(client: httpx.Client) -> None:
    overview = client.get("/")
    assert overview.status_code == 200
    assert "style-src 'self'" in overview.headers["content-security-policy"]
    assert overview.headers["x-request-id"]
    assert overview.headers["x-content-type-options"] == "nosniff"
    assert "cloudshop/exhausted" in overview.text
    for gate in ("open", "burning", "blind"):
        assert gate in overview.text
    for link in set(re.findall(r'href="(slo/cloudshop/[^"]*)"', overview.text)):
        assert client.get(f"/{link}").status_code == 200
    for asset in set(re.findall(r'(?:href|src)="(static/[^"]*)"', overview.text)):
        assert client.get(f"/{asset}").status_code == 200


def test_an_objective_tells_who_asked(client: httpx.Client) -> None:
    client.post("/gates/spent", params={"slo": "cloudshop/exhausted"}, json={})
    page = client.get("/slo/cloudshop/exhausted").text
    assert "anonymous@127.0.0.1" in page
    assert "of the budget is left, 10 % is required" in page


def test_what_there_is_not_is_404(client: httpx.Client) -> None:
    for path in ("/slo/cloudshop/none", "/static/none.css", "/static/..%2fpage.py", "/slo/%3Cscript%3E/x"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert "<script>" not in answer.text


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Shop]:
    with running_shop(tmp_path, published=False) as running:
        yield running


def test_the_page_is_there_before_the_first_cycle(fresh: Shop) -> None:
    with fresh.client() as client:
        assert client.get("/").status_code == 200
        assert client.get("/slo/cloudshop/week").status_code == 404
        fresh.publish()
        assert "cloudshop/week" in client.get("/").text
