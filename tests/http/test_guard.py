"""Names, bodies, origins, headers: what every request meets before any route."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from slo.http.auth import Authentication
from slo.http.counters import Requests
from slo.http.limits import LOOPBACK_HOSTS, MAX_ADMISSION_BYTES, MAX_BODY_BYTES, WriteLimit
from slo.http.problem import ProblemError
from slo.http.roles import Caller
from slo.http.stack import guarded
from tests.http.raw import exchange, status_of
from tests.http.serving import serving


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["path"] == "/broken":
        raise RuntimeError("secret detail")
    request = Request(scope, receive)
    answer = {"length": len(await request.body()), "caller": scope["slo.caller"].label}
    await JSONResponse(answer)(scope, receive, send)


@pytest.fixture(scope="module")
def requests() -> Requests:
    return Requests()


@pytest.fixture(scope="module")
def url(requests: Requests) -> Iterator[str]:
    authentication = Authentication(None, anonymous="admin", now=lambda: datetime.now(UTC))
    app = guarded(
        echo,
        authentication,
        requests=requests,
        allowed_hosts=("localhost", "slo.example.com", "*.monitoring.svc"),
    )
    with serving(app) as address:
        yield address


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=60) as opened:
        yield opened


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:80", 200),
        ("slo.example.com", 200),
        ("slo.monitoring.svc", 200),
        ("127.0.0.1", 200),
        ("127.0.0.2", 421),
        ("evil.example.com", 421),
        ("slo.example.com.evil.com", 421),
        ("evilmonitoring.svc", 421),
        ("[::1]", 421),
        ("slo.example.com/", 400),
        ("slo example", 400),
        ("localhost:port", 400),
        ("user@localhost", 400),
    ],
)
def test_only_its_own_names_are_answered(client: httpx.Client, host: str, status: int) -> None:
    assert client.get("/", headers={"Host": host}).status_code == status


@pytest.mark.parametrize("hosts", [b"", b"Host: localhost\r\nHost: localhost\r\n", b"Host: \r\n"])
def test_there_is_one_host(url: str, hosts: bytes) -> None:
    assert status_of(exchange(url, b"GET / HTTP/1.1\r\n" + hosts + b"Connection: close\r\n\r\n")) == 400


def test_probes_may_come_by_any_name(client: httpx.Client) -> None:
    assert client.get("/healthz", headers={"Host": "10.1.2.3:8080"}).status_code == 200


@pytest.mark.parametrize(("path", "limit"), [("/gates/x", MAX_BODY_BYTES), ("/admission/x", MAX_ADMISSION_BYTES)])
def test_a_body_over_the_limit_is_413_announced_or_not(client: httpx.Client, path: str, limit: int) -> None:
    kind = {"Content-Type": "application/json"}
    assert client.post(path, content=b"x" * limit, headers=kind).json()["length"] == limit
    too_large = client.post(path, content=b"x" * (limit + 1), headers=kind)
    chunked = client.post(path, content=iter([b"x" * limit, b"x"]), headers=kind)
    for answer in (too_large, chunked):
        assert answer.status_code == 413
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({}, b"", 200),
        ({"Content-Type": "application/json; charset=utf-8"}, b"{}", 200),
        ({}, b"{}", 415),
        ({"Content-Type": "text/plain"}, b"{}", 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, b"", 415),
        ({"Content-Type": "application/json", "Sec-Fetch-Site": "cross-site"}, b"{}", 400),
        ({"Content-Type": "application/json", "Sec-Fetch-Site": "same-site"}, b"{}", 400),
        ({"Content-Type": "application/json", "Sec-Fetch-Site": "same-origin"}, b"{}", 200),
    ],
)
def test_no_form_of_another_site_gets_in(
    client: httpx.Client, headers: dict[str, str], body: bytes, status: int
) -> None:
    assert client.post("/", content=body, headers=headers).status_code == status


def test_every_answer_has_an_id_and_safe_headers(client: httpx.Client) -> None:
    for path in ("/", "/broken"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "access-control-allow-origin" not in headers
        assert "server" not in headers
        assert headers["x-request-id"]


def test_the_id_of_a_caller_is_kept_where_it_is_harmless(client: httpx.Client) -> None:
    assert client.get("/", headers={"X-Request-Id": "deploy-17"}).headers["x-request-id"] == "deploy-17"
    assert client.get("/", headers={"X-Request-Id": "a b\tc"}).headers["x-request-id"] != "a b\tc"
    ids = {client.get("/").headers["x-request-id"] for _ in range(20)}
    assert len(ids) == 20


def test_a_fault_tells_nothing_but_its_id(client: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    answer = client.get("/broken", headers={"X-Request-Id": "fault-1"})
    assert answer.status_code == 500
    assert answer.json()["request_id"] == "fault-1"
    assert "secret detail" not in answer.text
    assert "secret detail" in caplog.text


def test_head_is_get_without_the_body(client: httpx.Client) -> None:
    got, head = client.get("/"), client.head("/")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == got.headers["content-length"]


def test_requests_are_counted_by_status(client: httpx.Client, requests: Requests) -> None:
    def count() -> float:
        lines = [line for line in requests.lines() if line.startswith("slo_http_requests_total{")]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if 'status="421"' in line)

    before = count()
    client.get("/", headers={"Host": "evil.example.com"})
    client.request("PROPFIND", "/", headers={"Host": "evil.example.com"})
    assert count() == before + 2
    assert 'method="other"' in "\n".join(requests.lines())


def test_problems_are_documents_of_rfc_9457(client: httpx.Client) -> None:
    answer = client.get("/", headers={"Host": "evil.example.com"})
    document = json.loads(answer.content)
    assert document["status"] == answer.status_code == 421
    assert document["type"] == "about:blank"
    assert document["title"] == "Misdirected Request"
    assert "--allowed-host" in document["detail"]


def test_writes_of_one_caller_do_not_hold_up_those_of_another() -> None:
    now = 0.0
    limit = WriteLimit(2.0, now_seconds=lambda: now)
    one, other = Caller("one", "decide"), Caller("other", "decide")
    for _ in range(4):
        limit.take(one)
    with pytest.raises(ProblemError) as refused:
        limit.take(one)
    assert (refused.value.status, refused.value.headers["Retry-After"]) == (429, "1")
    limit.take(other)
    now = 0.5
    limit.take(one)
    with pytest.raises(ProblemError):
        limit.take(one)


def test_loopback_names_are_as_hosts_are_written() -> None:
    assert all(urlsplit(f"http://{host}:80/").hostname for host in LOOPBACK_HOSTS)
