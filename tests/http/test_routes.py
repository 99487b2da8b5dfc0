"""Every route as the contract has it, over a real socket."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from slo.render.report_json import report_document
from slo.reporting import make_report
from slo.source.exposition import parse_exposition
from slo.source.simulated import simulated_cloudshop
from tests.http.raw import exchange, status_of
from tests.http.shop import AT, FILE, Shop, running_shop

STATUS = {
    "open": (200, "allow", ""),
    "burning": (403, "deny", "max_burn_rate"),
    "spent": (403, "deny", "min_budget_remaining"),
    "blind": (403, "unknown", "no_data"),
    "trusting": (200, "unknown", "no_data"),
    "trying": (200, "deny", "min_budget_remaining"),
    "warning": (200, "warn", "min_budget_remaining"),
    "all": (403, "deny", "min_budget_remaining"),
}
"""Of each gate: the status form's status, the decision, and what decided it."""


@pytest.mark.parametrize(("gate", "expected"), STATUS.items(), ids=list(STATUS))
def test_the_status_form_says_it_by_status_and_the_json_form_never_does(
    client: httpx.Client, gate: str, expected: tuple[int, str, str]
) -> None:
    status, outcome, reason = expected
    check, form = client.get("/budget/check", params={"gate": gate}), client.get(f"/gates/{gate}")
    assert (check.status_code, form.status_code) == (status, 200)
    assert check.json() == form.json()
    decision = form.json()
    assert (decision["schema"], decision["gate"]) == ("slo.decision/v1", gate)
    assert (decision["decision"], decision["allowed"]) == (outcome, status == 200)
    assert check.headers["slo-decision"] == outcome
    assert check.headers.get("slo-reason", "") == reason
    assert check.headers["cache-control"] == "no-store"
    decisive = [one for one in decision["reasons"] if one["decisive"]]
    assert len(decisive) == (outcome != "allow")


def test_unknown_says_when_to_ask_again(client: httpx.Client) -> None:
    assert int(client.get("/gates/blind").headers["retry-after"]) == 60
    assert "retry-after" not in client.get("/gates/open").headers


def test_every_gate_at_once(client: httpx.Client) -> None:
    document = client.get("/gates").json()
    assert document["schema"] == "slo.gates/v1"
    assert {one["gate"]: one["decision"] for one in document["gates"]} | {"frozen": "allow"} == {
        gate: outcome for gate, (_, outcome, _) in STATUS.items()
    } | {"frozen": "allow"}


@pytest.mark.parametrize(
    ("slos", "outcome"),
    [
        (["cloudshop/week"], "allow"),
        (["cloudshop/exhausted"], "deny"),
        (["cloudshop/week", "cloudshop/silent"], "unknown"),
        (["cloudshop/*"], "deny"),
        (["cloudshop/[lw]*"], "allow"),
        (['cloudshop/availability{service="cart"}'], "allow"),
    ],
)
def test_some_objectives_of_a_gate(client: httpx.Client, slos: list[str], outcome: str) -> None:
    assert client.get("/gates/all", params={"slo": slos}).json()["decision"] == outcome


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        ("/budget/check", 400, "which gate"),
        ("/budget/check?gate=", 400, "which gate"),
        ("/budget/check?gate=open&gate=spent", 400, "more than once"),
        ("/budget/check?gate=open&slos=cloudshop/week", 400, "no parameter 'slos'"),
        ("/budget/check?gate=open&slo=%ff", 400, "not UTF-8"),
        ("/budget/check?gate=none", 404, "no gate 'none'"),
        ("/gates/none", 404, "no gate 'none'"),
        ("/gates/open?slo=cloudshop/latency", 404, "asks about no objective"),
        ("/gates/open?slo=nothing*", 404, "asks about no objective"),
        ("/gates/open?slo=", 404, "asks about no objective"),
        ("/gates/all?" + "&".join(["slo=*"] * 11), 400, "at most 10 globs"),
        ("/gates/all?" + "&".join(["slo=x"] * 101), 400, "more than 100 parameters"),
        ("/gates/all?slo=" + "x" * 1001, 400, "over 1000 characters"),
        ("/budget/cloudshop/none", 404, "no objective"),
        ("/budget/cloudshop/week?group=service", 400, "LABEL=VALUE"),
        ("/budget/cloudshop/availability?group=service=nobody", 404, "no objective"),
        ("/budget?slo=none*", 404, "no objective"),
        ("/budget?" + "&".join(["slo=*"] * 11), 400, "at most 10"),
        ("/decisions?kind=none", 400, "kind: there are decision"),
        ("/decisions?since=yesterday", 400, "since: 'yesterday' is not a time"),
        ("/decisions?limit=0", 400, "limit: write a whole number"),
        ("/decisions?before=-1", 400, "before: write a whole number"),
        ("/nothing", 404, "/openapi.json"),
        ("/budget/", 404, "/openapi.json"),
        ("/budget/cloudshop/week/", 404, "/openapi.json"),
        ("/gates/..%2f..%2fbudget", 404, "/openapi.json"),
        ("/gates/%2e%2e", 404, "no gate '..'"),
        ("/gates/open%00", 404, "no gate"),
        ("/gates/%ff%fe", 404, "no gate"),
    ],
)
def test_what_is_asked_wrongly_is_told_what_to_do(client: httpx.Client, path: str, status: int, detail: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert detail in answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("POST", "/budget", "GET, HEAD"),
        ("DELETE", "/gates/open", "GET, HEAD, POST"),
        ("GET", "/admission/open", "POST"),
        ("PUT", "/gates/open/override", "GET, HEAD, POST"),
        ("OPTIONS", "/gates", "GET, HEAD"),
    ],
)
def test_other_methods_are_told_which_there_are(client: httpx.Client, method: str, path: str, allow: str) -> None:
    answer = client.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allow)
    assert answer.json()["status"] == 405


def truth(tmp_path: Path) -> dict[str, Any]:
    """The report that the command line would give."""
    from slo.spec import load_files

    file = tmp_path / "shop.yaml"
    file.write_text(FILE, encoding="utf-8")
    objectives = load_files([file]).objectives
    document: dict[str, Any] = json.loads(
        json.dumps(
            report_document(make_report(objectives, simulated_cloudshop(at=AT), at=AT, progress=lambda share: None))
        )
    )
    return document


def test_the_report_is_that_of_the_command_line(client: httpx.Client, tmp_path: Path) -> None:
    expected = truth(tmp_path)
    assert client.get("/budget", headers={"Accept-Encoding": "identity"}).json() == expected
    answer = client.get("/budget")
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.json() == expected
    by_id = {one["slo"]: one for one in expected["objectives"]}
    whole = client.get("/budget/cloudshop/availability").json()
    assert whole["at"] == expected["at"]
    assert {key: whole[key] for key in by_id["cloudshop/availability"]} == by_id["cloudshop/availability"]
    group = client.get("/budget/cloudshop/availability?group=service=cart").json()
    assert group["slo"] == 'cloudshop/availability{service="cart"}'
    some = client.get("/budget", params={"slo": ["cloudshop/w*", "cloudshop/latency"]}).json()
    assert some["objectives"] == [by_id["cloudshop/latency"], by_id["cloudshop/week"]]
    # A star stops at the brace: groups are named as such.
    assert len(client.get("/budget", params={"slo": "*/availability"}).json()["objectives"]) == 1
    groups = client.get("/budget", params={"slo": "*/availability{*}"}).json()["objectives"]
    assert {one["group"]["service"] for one in groups} == {"cart", "checkout", "frontend"}


def test_a_report_that_is_known_is_not_sent_again(client: httpx.Client) -> None:
    etag = client.get("/budget").headers["etag"]
    for condition in (etag, etag.removeprefix("W/"), f'"other", {etag}', "*"):
        again = client.get("/budget", headers={"If-None-Match": condition})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert client.get("/budget", headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize(
    ("accepted", "is_gzip"),
    [("gzip", True), ("br, gzip;q=0.5", True), ("*", True), ("gzip;q=0", False), ("br", False), ("", False)],
)
def test_compression_is_what_the_caller_takes(client: httpx.Client, accepted: str, is_gzip: bool) -> None:
    with client.stream("GET", "/budget", headers={"Accept-Encoding": accepted}) as answer:
        raw = b"".join(answer.iter_raw())
    assert ("content-encoding" in answer.headers) == is_gzip
    assert json.loads(gzip.decompress(raw) if is_gzip else raw)["schema"] == "slo.report/v1"
    assert answer.headers["vary"] == "Accept-Encoding"


def test_a_posted_question_is_recorded_with_its_caller_before_it_is_answered(client: httpx.Client) -> None:
    for gate, inverted, status in (
        ("open", False, 200),
        ("burning", False, 403),
        ("trying", False, 200),
        ("burning", True, 200),
        ("spent", True, 403),
        ("blind", True, 403),
        ("open", True, 403),
        ("trying", True, 403),
    ):
        params = {"invert": "true"} if inverted else {}
        body = {"name": "podinfo", "namespace": "test", "phase": "Progressing", "metadata": {"token": "geheim"}}
        answer = client.post(f"/gates/{gate}", params=params, json=body)
        assert answer.status_code == status, (gate, inverted)
        entry = client.get("/decisions", params={"kind": "call", "limit": 1}).json()["decisions"][0]
        assert entry["decision_id"] == answer.json()["id"]
        assert (entry["gate"], entry["allowed"], entry["by"]) == (gate, status == 200, "anonymous@127.0.0.1")
        assert "podinfo" in entry["body"]
        assert "geheim" not in entry["body"]


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"", 200), (b"{}", 200), (b"[]", 400), (b"{", 400), (b"\xff", 400), (b"[" * 100_000, 400), (b"null", 400)],
)
def test_a_posted_body_is_an_object_or_nothing(client: httpx.Client, content: bytes, status: int) -> None:
    answer = client.post("/gates/open", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == status


def test_the_record_is_told_page_by_page(client: httpx.Client) -> None:
    for _ in range(5):
        client.post("/gates/open", json={})
    seen: list[int] = []
    further = ""
    while True:
        page = client.get(f"/decisions?kind=call&limit=2{further}").json()
        seen += [one["id"] for one in page["decisions"]]
        if page["next_before"] is None:
            break
        further = f"&before={page['next_before']}"
    assert len(seen) >= 5
    assert seen == sorted(set(seen), reverse=True)


def test_the_decisions_of_the_first_cycle_are_in_the_record(client: httpx.Client) -> None:
    entries = client.get("/decisions", params={"kind": "decision", "limit": 1000}).json()["decisions"]
    kept = {one["gate"]: one["decision"] for one in reversed(entries)}
    assert {gate: outcome for gate, (_, outcome, _) in STATUS.items()}.items() <= kept.items()
    verdicts = client.get("/decisions", params={"kind": "verdict", "gate": "all", "limit": 1000}).json()["decisions"]
    assert {one["slo"] for one in verdicts} >= {"cloudshop/week", 'cloudshop/availability{service="cart"}'}


def test_health(client: httpx.Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    ready = client.get("/readyz?strict=true")
    assert (ready.status_code, ready.json()["status"]) == (200, "ok")
    assert {name for name, check in ready.json()["checks"].items() if check["ok"]} >= {"files", "ledger", "record"}


def test_metrics_can_be_read_and_say_what_was_decided(client: httpx.Client) -> None:
    def value(name: str, **labels: str) -> float:
        text = client.get("/metrics").text
        found = [
            sample
            for sample in parse_exposition(text.encode(), "text/plain")
            if sample.name == name and labels.items() <= dict(sample.labels).items()
        ]
        assert len(found) == 1, (name, labels, found)
        return float(found[0].value)

    before = value("slo_decisions_total", gate="burning", decision="deny")
    client.get("/budget/check?gate=burning")
    assert value("slo_decisions_total", gate="burning", decision="deny") == before + 1
    assert value("slo_gate_allowed", gate="burning") == 0
    assert value("slo_gate_allowed", gate="trying") == 1
    assert value("slo_budget_remaining_ratio", slo="cloudshop/exhausted") < 0
    assert value("process_resident_memory_bytes") > 1e6
    assert value("slo_http_requests_total", route="/budget/check", method="GET", status="403") >= 1
    plain = client.get("/metrics", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.headers["content-type"].startswith("text/plain; version=0.0.4")


def test_before_the_first_cycle_no_decision_is_made(tmp_path: Path) -> None:
    with running_shop(tmp_path, published=False) as shop, shop.client() as client:
        for path in ("/budget/check?gate=open", "/gates/open", "/gates", "/budget", "/budget/cloudshop/week"):
            answer = client.get(path)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
            assert answer.json()["title"] == "Service Unavailable"
        assert client.post("/gates/open", json={}).status_code == 503
        assert client.get("/healthz").status_code == 200
        assert (client.get("/readyz").status_code, client.get("/readyz").json()["status"]) == (503, "starting")
        assert client.get("/metrics").status_code == 200
        shop.publish()
        assert client.get("/gates/open").status_code == 200


def test_the_description_has_every_route(shop: Shop, client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert {path: sorted(operations) for path, operations in paths.items()} == {
        "/admission/{gate}": ["post"],
        "/budget": ["get"],
        "/budget/check": ["get"],
        "/budget/{service}/{name}": ["get"],
        "/corrections": ["get", "post"],
        "/corrections/{number}": ["delete"],
        "/decisions": ["get"],
        "/gates": ["get"],
        "/gates/{gate}": ["get", "post"],
        "/gates/{gate}/chaos": ["get", "post"],
        "/gates/{gate}/override": ["get", "post"],
        "/gates/{gate}/override/{number}": ["delete"],
        "/healthz": ["get"],
        "/metrics": ["get"],
        "/readyz": ["get"],
    }


@pytest.mark.parametrize("path", [b"//budget", b"/./budget", b"/static/../budget", b"/budget;x", b"http:///budget/"])
def test_a_path_is_what_it_is(shop: Shop, path: bytes) -> None:
    answer = exchange(shop.url, b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert status_of(answer) in (400, 404)
