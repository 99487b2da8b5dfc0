"""One GET of a target's metrics: bounded in bytes and in time as a whole, and to nowhere but where it was sent."""

from __future__ import annotations

import socket
import ssl
import time
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import NamedTuple, cast

from slo.errors import AnswerTooLargeError, SourceResponseError, SourceUnreachableError
from slo.source.deadlined import Deadlined
from slo.source.scrape_target import ScrapeTarget

# What Prometheus 2.42 sends.
ACCEPT = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
_CHUNK = 64 * 1024


class Answer(NamedTuple):
    body: bytes
    content_type: str


def fetch(target: ScrapeTarget, *, timeout_seconds: float, max_bytes: int) -> Answer:
    """The body of a target's answer.

    Raises SourceUnreachableError, SourceResponseError or AnswerTooLargeError.
    """
    deadline = time.monotonic() + timeout_seconds
    connection = _connection(target, timeout_seconds)
    try:
        connection.request("GET", target.path, headers=_headers(timeout_seconds))
        with _response(connection, deadline) as response:
            _check_head(response, max_bytes)
            return Answer(_body(response, max_bytes), response.headers.get("Content-Type", ""))
    except TimeoutError:
        raise SourceUnreachableError(f"no whole answer within {timeout_seconds:g} s") from None
    except OSError as error:
        raise SourceUnreachableError(f"no answer: {str(error)[:120]!r}") from None
    except (HTTPException, ValueError) as error:
        raise SourceResponseError(f"not an answer in HTTP: {type(error).__name__} {str(error)[:120]!r}") from None
    finally:
        connection.close()


def _connection(target: ScrapeTarget, timeout_seconds: float) -> HTTPConnection:
    if target.is_https:
        context = ssl.create_default_context()
        return HTTPSConnection(target.host, target.port, timeout=timeout_seconds, context=context)
    return HTTPConnection(target.host, target.port, timeout=timeout_seconds)


def _headers(timeout_seconds: float) -> dict[str, str]:
    return {
        "Accept": ACCEPT,
        "Accept-Encoding": "identity",
        "Connection": "close",
        "User-Agent": "slo-scrape",
        "X-Prometheus-Scrape-Timeout-Seconds": f"{timeout_seconds:g}",
    }


def _response(connection: HTTPConnection, deadline: float) -> HTTPResponse:
    """The head of the answer; like the body it is read through the deadline."""
    response = HTTPResponse(cast(socket.socket, Deadlined(connection.sock, deadline)), method="GET")
    response.begin()
    return response


def _check_head(response: HTTPResponse, max_bytes: int) -> None:
    if 300 <= response.status < 400:
        raise SourceResponseError(f"answered {response.status}; redirects are not followed: name the final address")
    if response.status != 200:
        raise SourceResponseError(f"answered {response.status} instead of 200")
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding != "identity":
        raise SourceResponseError(f"answered with the encoding {encoding[:40]!r}, which was not asked for")
    if response.length is not None and response.length > max_bytes:
        raise _too_large(max_bytes)


def _body(response: HTTPResponse, max_bytes: int) -> bytes:
    body = bytearray()
    while chunk := response.read(_CHUNK):
        body += chunk
        if len(body) > max_bytes:
            raise _too_large(max_bytes)
    if response.length:
        raise SourceResponseError(f"the answer was cut short, {response.length} bytes before its end")
    return bytes(body)


def _too_large(max_bytes: int) -> AnswerTooLargeError:
    return AnswerTooLargeError(f"the answer is larger than {max_bytes / 1024 / 1024:g} MiB")
