"""Connections that are slow, large or broken on purpose, against a real server."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from slo.http.protocol import ConnectionLimits
from tests.http.raw import connect, exchange, rest, status_of
from tests.http.serving import serving

QUICK = ConnectionLimits(connections=20, head_seconds=0.5, request_seconds=1.0, answer_seconds=1.0)


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """How long the body was; or 64 MB of answer where that is asked for."""
    request = Request(scope, receive)
    if scope["path"] == "/large":
        await Response(b"x" * (64 << 20))(scope, receive, send)
        return
    await PlainTextResponse(str(len(await request.body())))(scope, receive, send)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving(echo, limits=QUICK) as address:
        yield address


def detail(answer: bytes) -> str:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    return str(json.loads(body)["detail"])


@pytest.mark.parametrize(
    "beginning",
    [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\nX: ", b"\r\n\r\n"],
    ids=["nothing", "half a line", "half a header", "empty lines"],
)
def test_a_head_that_does_not_end_is_answered_408_and_closed(url: str, beginning: bytes) -> None:
    answer = exchange(url, beginning)
    assert status_of(answer) == 408
    assert "too long" in detail(answer)


def test_a_byte_now_and_then_does_not_keep_a_head_open(url: str) -> None:
    with connect(url) as connection:
        stop = threading.Event()

        def drip() -> None:
            while not stop.wait(0.1):
                try:
                    connection.sendall(b"X")
                except OSError:
                    return

        connection.sendall(b"GET / HTTP/1.1\r\nX: ")
        thread = threading.Thread(target=drip)
        thread.start()
        answer = rest(connection)
        stop.set()
        thread.join()
    assert answer == b"" or status_of(answer) == 408


def test_a_body_that_does_not_come_is_answered_408_and_closed(url: str) -> None:
    answer = exchange(url, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
    assert status_of(answer) == 408


def test_a_reader_that_does_not_read_is_cut_off(url: str) -> None:
    with connect(url) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        # Nothing is read until the server gives up, which the next bytes show: they meet a reset.
        for _ in range(300):
            threading.Event().wait(0.1)
            try:
                connection.sendall(b"x")
            except OSError:
                break
        else:
            pytest.fail("the connection is still open")


def test_a_connection_serves_one_request_after_the_other(url: str) -> None:
    with connect(url) as connection:
        for _ in range(3):
            connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
            assert connection.recv(65536).endswith(b"\r\n\r\n3")
            threading.Event().wait(0.4)


def test_pipelined_requests_are_all_answered(url: str) -> None:
    one = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx"
    answer = exchange(url, one * 20 + b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.count(b"HTTP/1.1 200") == 21


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 200 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 40_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 1_000_000, 431),
        (b"nonsense\r\n\r\n", 400),
        (b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    ],
    ids="target headers header endless nonsense bytes length smuggling chunks tls".split(),
)
def test_what_is_no_request_of_a_decent_size_is_refused(url: str, request_: bytes, status: int) -> None:
    answer = exchange(url, request_)
    assert status_of(answer) == status
    assert detail(answer)


def test_more_connections_than_allowed_are_told_to_come_back(url: str) -> None:
    held = [connect(url) for _ in range(40)]
    try:
        answers = [rest(connection) for connection in held]
        refused = [answer for answer in answers if status_of(answer) == 503]
        assert len(refused) == 20
        assert all(b"retry-after: 1\r\n" in answer for answer in refused)
        assert sum(status_of(answer) == 408 for answer in answers) == 20
    finally:
        for connection in held:
            connection.close()
