"""What a server can do wrong, each told in one line: a real HTTP server answers, on the loopback interface."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest

from slo.errors import (
    AnswerTooLargeError,
    DataError,
    SourceError,
    SourceResponseError,
    SourceUnreachableError,
    UsageError,
)
from slo.selector import Selector
from slo.source.prometheus import PrometheusReader, PrometheusSource
from slo.source.prometheus_api import PrometheusApi
from slo.source.protocol import Measured
from slo.window import Interval
from tests.arithmetic.objectives import objective

Answer = Callable[[BaseHTTPRequestHandler, dict[str, str]], None]
REQUESTS = Selector("http_requests_total")


@contextmanager
def server(answer: Answer) -> Iterator[str]:
    """A server that answers every POST with the given function."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            answer(self, {key: values[0] for key, values in form.items()})

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """A client that hangs up early is what several of these tests are about."""

    running = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{running.server_address[1]}"
    finally:
        running.shutdown()
        thread.join()
        running.server_close()


def send(handler: BaseHTTPRequestHandler, status: int, body: bytes, *, length: int | None = None) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    handler.end_headers()
    handler.wfile.write(body)


def says(status: int, body: bytes | str) -> Answer:
    return lambda handler, _: send(handler, status, body.encode() if isinstance(body, str) else body)


def matrix(*series: dict[str, Any], **envelope: Any) -> str:
    data = {"resultType": "matrix", "result": list(series)}
    return json.dumps({"status": "success", "data": data} | envelope)


def read(url: str, *, timeout_seconds: float = 5.0, minutes: int = 10) -> list[Any]:
    return PrometheusReader(PrometheusApi(url, timeout_seconds=timeout_seconds)).read(REQUESTS, Interval(0, minutes))


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (
            says(200, "<html>Sign in</html>"),
            SourceResponseError,
            "answered with a web page .HTTP 200.; is it a Prometheus",
        ),
        (says(404, "404 page not found"), SourceResponseError, r"not JSON \(HTTP 404\)"),
        (says(200, matrix()[:40]), SourceResponseError, "not JSON .*perhaps cut short"),
        (says(200, b"\xff\xfe\x00"), SourceResponseError, "not JSON"),
        (says(200, ""), SourceResponseError, "not JSON"),
        (says(200, "[]"), SourceResponseError, "JSON that is not Prometheus' own"),
        (
            says(200, '{"status": "success", "data": {"resultType": "scalar"}}'),
            SourceResponseError,
            "did not answer with a matrix",
        ),
        (says(200, '{"status": "success"}'), SourceResponseError, "did not answer with a matrix"),
        (
            says(422, '{"status": "error", "errorType": "execution", "error": "found duplicate\\nseries\\u001b[31m"}'),
            SourceResponseError,
            r"refused the query \(HTTP 422\): found duplicate series \[31m$",
        ),
        (says(422, json.dumps({"status": "error", "error": "e" * 1000})), SourceResponseError, r"e\.\.\.$"),
        (says(401, "Unauthorized"), SourceResponseError, "asks for credentials"),
        (says(302, ""), SourceResponseError, "sends the query elsewhere"),
        (says(500, "oops"), SourceResponseError, "may be starting or overloaded"),
        (says(503, "starting"), SourceResponseError, "may be starting or overloaded"),
        (says(200, matrix({"metric": {}, "histograms": [[1, {}]]})), DataError, "native histogram"),
        (
            lambda handler, _: send(handler, 200, matrix().encode(), length=5000),
            SourceResponseError,
            "stopped in the middle of an answer",
        ),
    ],
)
def test_a_wrong_answer_is_told_in_one_line(answer: Answer, kind: type[SourceError], message: str) -> None:
    with server(answer) as url, pytest.raises(kind, match=message) as caught:
        read(url)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_server_that_is_down_is_told_with_its_address() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        with pytest.raises(
            SourceUnreachableError, match=f"127.0.0.1:{port} cannot be reached: connection refused; check"
        ):
            read(f"http://127.0.0.1:{port}")


def test_an_unknown_host_is_told_as_such() -> None:
    with pytest.raises(SourceUnreachableError, match="cannot be reached: no such host"):
        read("http://prometheus.invalid:9090")


def test_a_server_that_hangs_up_is_told() -> None:
    with server(lambda handler, _: handler.connection.shutdown(socket.SHUT_RDWR)) as url, pytest.raises(SourceError):
        read(url)


def test_a_silent_server_is_left_after_the_timeout() -> None:
    done = threading.Event()

    def wait(handler: BaseHTTPRequestHandler, _: dict[str, str]) -> None:
        done.wait(10)

    with server(wait) as url:
        with pytest.raises(SourceResponseError, match=r"did not answer within 0\.2 s; allow more by --timeout"):
            read(url, timeout_seconds=0.2)
        done.set()


def test_a_server_that_drips_is_left_after_the_timeout() -> None:
    def drip(handler: BaseHTTPRequestHandler, _: dict[str, str]) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        for _part in range(100):
            handler.wfile.write(b" " * 70_000)
            handler.wfile.flush()
            time.sleep(0.05)

    began = time.monotonic()
    with server(drip) as url, pytest.raises(SourceError):
        read(url, timeout_seconds=0.5)
    assert time.monotonic() - began < 30


def test_a_passing_503_is_asked_again() -> None:
    answers = [says(503, "busy"), says(200, matrix())]
    with server(lambda handler, form: answers.pop(0)(handler, form)) as url:
        assert read(url) == []
    assert answers == []


def test_queries_travel_in_the_body_and_reach_past_their_left_end() -> None:
    asked: list[dict[str, str]] = []

    def answer(handler: BaseHTTPRequestHandler, form: dict[str, str]) -> None:
        asked.append({**form, "path": handler.path})
        send(handler, 200, matrix({"metric": {"job": "a"}, "values": [[600.123, "7"], [600.5, "8e3"]]}).encode())

    with server(answer) as url:
        [series] = read(url, minutes=10)
    assert asked == [
        {
            "query": "http_requests_total[600001ms]",
            "time": "600",
            "timeout": "5s",
            "nocache": "1",
            "path": "/api/v1/query",
        },
    ]
    assert series.times.tolist() == [600_123, 600_500]
    assert series.values.tolist() == [7.0, 8000.0]


def test_an_answer_that_is_too_large_is_asked_for_in_halves() -> None:
    """Of an hour with a sample a minute, only half an hour is served at once; both halves hold the border."""
    spans: list[tuple[int, int]] = []

    def answer(handler: BaseHTTPRequestHandler, form: dict[str, str]) -> None:
        end = int(form["time"]) // 60
        span = int(form["query"].rpartition("[")[2].removesuffix("ms]")) // 60_000
        spans.append((end - span, end))
        if span > 30:
            error = {
                "status": "error",
                "error": "query processing would load too many samples into memory in query execution",
            }
            return send(handler, 422, json.dumps(error).encode())
        values = [[minute * 60, str(minute)] for minute in range(end - span, end + 1)]
        return send(handler, 200, matrix({"metric": {"job": "a"}, "values": values}).encode())

    with server(answer) as url:
        [series] = read(url, minutes=60)
    assert spans == [(0, 60), (0, 30), (30, 60)]
    assert series.values.tolist() == list(range(61))


def test_an_answer_over_the_size_limit_is_halved_until_it_is_hopeless() -> None:
    with server(says(200, matrix({"metric": {}, "values": [[1, "1"]] * 1000}))) as url:
        reader = PrometheusReader(PrometheusApi(url, timeout_seconds=5, max_answer_bytes=1000))
        with pytest.raises(AnswerTooLargeError, match="at once"):
            reader.read(REQUESTS, Interval(0, 60))


def source(url: str) -> dict[str, Measured | SourceError]:
    return PrometheusSource(url, timeout_seconds=5).events([objective()], [Interval(0, 60)], lambda _: None)


def test_a_counter_that_is_not_a_number_fails_its_objective() -> None:
    series = {"metric": {"job": "a", "instance": "b"}, "values": [[60, "1"], [120, "NaN"]]}
    with server(says(200, matrix(series))) as url:
        failure = source(url)["cloudshop/availability"]
    assert isinstance(failure, DataError)
    assert "instance='b', job='a' has a sample that is NaN or infinite; mend the exporter" in str(failure)


def test_what_the_server_warns_of_is_noted_with_the_objective() -> None:
    with server(says(200, matrix(warnings=["partial response: store gateway down"]))) as url:
        measured = source(url)["cloudshop/availability"]
    assert isinstance(measured, Measured)
    assert [(reason.code, reason.message) for reason in measured.reasons] == [
        ("source_warning", "partial response: store gateway down")
    ]


def test_a_failure_is_returned_in_place_of_the_events() -> None:
    with server(says(400, '{"status": "error", "error": "no"}')) as url:
        assert isinstance(source(url)["cloudshop/availability"], SourceResponseError)


@pytest.mark.parametrize("url", ["localhost:9090", "ftp://a", "http://", "", "http://a/?x=1", "http://a/#x"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="is not the address of a Prometheus; write http://host:9090"):
        PrometheusApi(url, timeout_seconds=1)


def test_credentials_in_an_address_are_never_shown() -> None:
    with pytest.raises(SourceUnreachableError) as caught:
        read("http://me:secret@127.0.0.1:1")
    assert "secret" not in str(caught.value)
