"""Log lines, and traces at a real receiver of OTLP over HTTP."""

from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from slo.http.auth import Authentication
from slo.http.counters import Requests
from slo.http.logs import JSONLines, ReadableLines, log_to
from slo.http.stack import guarded
from slo.http.tracing import traced
from tests.http.served import eventually
from tests.http.serving import serving
from tests.http.shop import Shop

TRACE = "0af7651916cd43dd8448eb211c80319c"


class Receiver(BaseHTTPRequestHandler):
    """Keeps the spans that it is sent."""

    spans: list[Any]

    def do_POST(self) -> None:
        request = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"])))
        self.spans += [
            span for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans
        ]
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing to standard error."""


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[Any]]]:
    spans: list[Any] = []
    handler = type("Kept", (Receiver,), {"spans": spans})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", spans
        server.shutdown()
        thread.join()


async def decided(scope: Scope, receive: Receive, send: Send) -> None:
    headers = {"slo-decision": "deny", "slo-decision-id": "abc"}
    await PlainTextResponse("no", 403, headers)(scope, receive, send)


def test_a_request_becomes_a_span_of_its_callers_trace(
    receiver: tuple[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint, spans = receiver
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    authentication = Authentication(None, anonymous="read", now=lambda: datetime.now(UTC))
    app = traced(guarded(decided, authentication, requests=Requests(), allowed_hosts=()))
    with serving(app) as url:
        headers = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01", "Authorization": "Bearer geheim"}
        assert httpx.get(f"{url}/x?secret=geheim", headers=headers, timeout=60).status_code == 401
        assert httpx.get(f"{url}/x", headers={"traceparent": "nonsense"}, timeout=60).status_code == 403
        eventually(lambda: len(spans) == 2)
    refused, answered = sorted(spans, key=lambda span: span.start_time_unix_nano)
    assert refused.trace_id.hex() == TRACE
    assert refused.parent_span_id.hex() == "b7ad6b7169203331"
    attributes = {one.key: one.value for one in answered.attributes}
    assert attributes["http.response.status_code"].int_value == 403
    assert attributes["slo.decision"].string_value == "deny"
    assert attributes["slo.request_id"].string_value
    assert "geheim" not in str(spans)


def test_without_an_endpoint_nothing_is_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    assert traced(decided) is decided


def record(message: str, **fields: object) -> logging.LogRecord:
    made = logging.LogRecord("slo.http", logging.INFO, "file", 1, message, (), None)
    made.fields = fields
    return made


def test_a_log_line_is_one_object_without_passwords() -> None:
    line = JSONLines().format(record("postgresql://slo:geheim@db/x\n{", path="/\x1b[31m", status=403))
    assert "\n" not in line
    document = json.loads(line)
    assert document["message"] == "postgresql://slo:***@db/x\n{"
    assert (document["level"], document["status"]) == ("info", 403)


def test_a_line_for_a_terminal_cannot_be_coloured_by_a_caller() -> None:
    line = ReadableLines().format(record("request", path="/\x1b[31m\n"))
    assert line.startswith("slo: request path=/")
    assert "\x1b" not in line
    assert "\n" not in line


def test_the_log_of_the_service_goes_where_it_is_told(shop: Shop) -> None:
    loggers = [logging.getLogger(name) for name in ("slo", "uvicorn")]
    before = [(one.handlers, one.propagate, one.level) for one in loggers]
    stream = io.StringIO()
    try:
        log_to(stream)
        with shop.client() as client:
            client.post("/gates/open", json={}, headers={"X-Request-Id": "deploy-17"})
            client.get("/gates/open", headers={"X-Request-Id": "read-only"})
    finally:
        for logger, (handlers, propagate, level) in zip(loggers, before, strict=True):
            logger.handlers, logger.propagate = handlers, propagate
            logger.setLevel(level)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["request_id"] for line in lines if line["message"] == "request"] == ["deploy-17"]
    assert lines[-1]["caller"] == "anonymous@127.0.0.1"
