"""Every route by every role; a route without a line here fails the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from slo.clock import format_time
from tests.http.shop import AT, Shop, running_shop

ROLES = ("", "read", "decide", "guard", "override", "admin")
REVIEW = {
    "apiVersion": "admission.k8s.io/v1",
    "kind": "AdmissionReview",
    "request": {"uid": "1", "operation": "CREATE", "dryRun": True},
}
OVERRIDE = {"reason": "because", "until": format_time(AT.replace(minute=5))}
CORRECTION = {"slos": ["*"], "from": "2026-10-31T00:00:00Z", "duration": "1h", "reason": "test", "dry_run": True}
EVERYONE = set(ROLES)
READERS = {"read", "guard", "override", "admin"}
ASKERS = {"read", "decide", "guard", "override", "admin"}
DECIDERS = {"decide", "guard", "override", "admin"}
MATRIX: dict[str, tuple[str, str, object, set[str]]] = {
    "GET /healthz": ("GET", "/healthz", None, EVERYONE),
    "GET /readyz": ("GET", "/readyz", None, EVERYONE),
    "GET /budget/check": ("GET", "/budget/check?gate=open", None, ASKERS),
    "GET /gates": ("GET", "/gates", None, ASKERS),
    "GET /gates/{gate}": ("GET", "/gates/open", None, ASKERS),
    "GET /gates/{gate}/chaos": ("GET", "/gates/open/chaos", None, ASKERS),
    "GET /openapi.json": ("GET", "/openapi.json", None, ASKERS),
    "GET /budget": ("GET", "/budget", None, READERS),
    "GET /budget/{service}/{name}": ("GET", "/budget/cloudshop/week", None, READERS),
    "GET /decisions": ("GET", "/decisions", None, READERS),
    "GET /gates/{gate}/override": ("GET", "/gates/open/override", None, READERS),
    "GET /metrics": ("GET", "/metrics", None, READERS),
    "GET /": ("GET", "/", None, READERS),
    "GET /slo/{service}/{name}": ("GET", "/slo/cloudshop/week", None, READERS),
    "GET /static/{name}": ("GET", "/static/page.css", None, READERS),
    "POST /gates/{gate}": ("POST", "/gates/open", {}, DECIDERS),
    "POST /gates/{gate}/chaos": ("POST", "/gates/open/chaos?slo=cloudshop/week", {"faults": ["x"]}, {"guard", "admin"}),
    "POST /admission/{gate}": ("POST", "/admission/open", REVIEW, DECIDERS),
    "POST /gates/{gate}/override": ("POST", "/gates/open/override", OVERRIDE, {"override", "admin"}),
    "GET /corrections": ("GET", "/corrections", None, READERS),
    "POST /corrections": ("POST", "/corrections", CORRECTION, {"admin"}),
    "DELETE /corrections/{number}": ("DELETE", "/corrections/999?reason=x", None, {"admin"}),
    "DELETE /gates/{gate}/override/{number}": (
        "DELETE",
        "/gates/open/override/999?reason=x",
        None,
        {"override", "admin"},
    ),
}


@pytest.fixture(scope="module")
def guarded_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with running_shop(tmp_path_factory.mktemp("guarded"), with_tokens=True, anonymous="none") as running:
        yield running


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("route", MATRIX)
def test_who_may_what(guarded_shop: Shop, route: str, role: str) -> None:
    method, path, body, allowed = MATRIX[route]
    with guarded_shop.client(role) as client:
        answer = client.request(method, path, json=body) if body is not None else client.request(method, path)
    if role in allowed:
        assert answer.status_code not in (401, 403)
    else:
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"
        assert "Bearer" in answer.headers["www-authenticate"]
        assert "Basic" in answer.headers["www-authenticate"]


def test_the_matrix_has_every_route(guarded_shop: Shop) -> None:
    with guarded_shop.client("admin") as client:
        paths = client.get("/openapi.json").json()["paths"]
    described = {f"{method.upper()} {path}" for path, operations in paths.items() for method in operations}
    page = {"GET /openapi.json", "GET /", "GET /slo/{service}/{name}", "GET /static/{name}"}
    assert described | page == set(MATRIX)


@pytest.mark.parametrize(
    ("anonymous", "may"),
    [
        ("decide", {"/gates/open", "/budget/check?gate=open"}),
        ("read", {"/gates/open", "/budget/check?gate=open", "/budget", "/", "/metrics", "/decisions"}),
    ],
)
def test_what_a_caller_without_a_token_may_do_is_a_setting(tmp_path: Path, anonymous: str, may: set[str]) -> None:
    with running_shop(tmp_path, with_tokens=True, anonymous=anonymous) as shop, shop.client() as client:
        for path in ("/gates/open", "/budget/check?gate=open", "/budget", "/", "/metrics", "/decisions"):
            assert client.get(path).status_code == (200 if path in may else 401), path
        assert client.post("/gates/open", json={}).status_code == (200 if anonymous == "decide" else 401)
        assert client.post("/gates/open/override", json=OVERRIDE).status_code == 401


def test_readyz_tells_details_to_readers_alone(guarded_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarded_shop.service.authentication, "problem", "/etc/tokens:1: what is this")
    for role, tells in (("", False), ("decide", False), ("read", True)):
        with guarded_shop.client(role) as client:
            answer = client.get("/readyz")
        assert answer.json()["status"] == "degraded"
        assert ("/etc/tokens" in answer.text) == tells


def test_an_override_is_ended_by_who_made_it_or_an_admin(guarded_shop: Shop) -> None:
    def make() -> int:
        with guarded_shop.client("override") as client:
            answer = client.post("/gates/open/override", json=OVERRIDE | {"by": "ada"})
            assert answer.json()["by"] == "ada (the-override)"
            return int(answer.json()["id"])

    for ender, status in (("override", 204), ("admin", 204)):
        with guarded_shop.client(ender) as client:
            assert client.delete(f"/gates/open/override/{make()}?reason=over").status_code == status
    with guarded_shop.client("admin") as client:
        of_admin = client.post("/gates/open/override", json=OVERRIDE).json()["id"]
    with guarded_shop.client("override") as client:
        assert client.delete(f"/gates/open/override/{of_admin}?reason=over").status_code == 401


def test_a_token_never_reaches_the_log_or_an_answer(guarded_shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"), guarded_shop.client() as client:
        secret = guarded_shop.tokens["admin"]
        for header in (f"Bearer {secret}x", f"Bearer {secret}", f"Basic {secret}"):
            answer: httpx.Response = client.post("/gates/open", headers={"Authorization": header}, json={})
            assert secret not in answer.text
            assert secret not in str(answer.headers)
    assert caplog.records
    assert secret not in caplog.text
    assert all(secret not in str(vars(record)) for record in caplog.records)
