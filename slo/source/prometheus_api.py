"""The HTTP side of Prometheus: one POST with a bounded answer, and every way in which it can go wrong.

Built on prometheus-api-client's connection (its session, adapters and address), beside its query methods: those put
long queries into the address, drop warnings and hide the server's error texts.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests
from prometheus_api_client.prometheus_connect import PrometheusConnect
from urllib3.exceptions import HTTPError
from urllib3.util.retry import Retry

from slo.errors import AnswerTooLargeError, SourceError, SourceResponseError, SourceUnreachableError, UsageError
from slo.redaction import without_password

_CONNECT_SECONDS = 5.0
_TOO_MUCH = ("too many samples", "exceeds the limit", "limit exceeded", "too large", "max_samples")


class PrometheusApi:
    """One server. Safe to share between threads: each has its own session.

    max_answer_bytes: the largest body that is taken in, so that memory stays bounded.
    """

    def __init__(self, url: str, *, timeout_seconds: float, max_answer_bytes: int = 16 * 2**20) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise UsageError(
                f"{_one_line(without_password(url))} is not the address of a Prometheus; write http://host:9090"
            )
        self.url = url.rstrip("/")
        self.timeout_seconds = timeout_seconds
        self._max_answer_bytes = max_answer_bytes
        self._local = threading.local()

    def __str__(self) -> str:
        return f"Prometheus at {without_password(self.url)}"

    def post(self, path: str, form: Mapping[str, str | list[str]]) -> dict[str, Any]:
        """The whole envelope of a successful answer. Raises SourceError, AnswerTooLargeError among them."""
        try:
            status, body = self._exchange(path, form)
        except requests.ReadTimeout as error:
            raise self._too_slow() from error
        except (requests.exceptions.ChunkedEncodingError, HTTPError) as error:
            raise SourceResponseError(f"{self} stopped in the middle of an answer; try again") from error
        except (requests.ConnectionError, requests.Timeout) as error:
            raise SourceUnreachableError(f"{self} cannot be reached: {_why(error)}; check the address") from error
        except requests.RequestException as error:
            raise SourceUnreachableError(f"{self} cannot be asked: {_one_line(str(error))}") from error
        return self._envelope(status, body)

    def _exchange(self, path: str, form: Mapping[str, str | list[str]]) -> tuple[int, bytes]:
        deadline = time.monotonic() + self.timeout_seconds
        timeout = (min(_CONNECT_SECONDS, self.timeout_seconds), self.timeout_seconds)
        session = self._session()
        with session.post(self.url + path, data=form, timeout=timeout, stream=True, allow_redirects=False) as response:
            body = bytearray()
            for part in response.iter_content(65_536):
                body += part
                if len(body) > self._max_answer_bytes:
                    raise AnswerTooLargeError(
                        f"{self} answers with more than {self._max_answer_bytes >> 20} MiB at once"
                    )
                if time.monotonic() > deadline:
                    raise self._too_slow()
            return response.status_code, bytes(body)

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = requests.Session()
            PrometheusConnect(self.url, session=session, retry=_RETRY)
        return session

    def _envelope(self, status: int, body: bytes) -> dict[str, Any]:
        try:
            envelope = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise self._not_json(status, body) from error
        if not isinstance(envelope, dict) or "status" not in envelope:
            raise SourceResponseError(
                f"{self} answered JSON that is not Prometheus' own (HTTP {status}); check the address"
            )
        if envelope["status"] == "success" and status == 200:
            return envelope
        message = _one_line(str(envelope.get("error", "no reason given")))
        if any(phrase in message.lower() for phrase in _TOO_MUCH):
            raise AnswerTooLargeError(f"{self} finds the query too large: {message}")
        raise SourceResponseError(f"{self} refused the query (HTTP {status}): {message}")

    def _not_json(self, status: int, body: bytes) -> SourceError:
        if status in (401, 403):
            return SourceResponseError(f"{self} asks for credentials (HTTP {status}); put them into the address")
        if 300 <= status < 400:
            return SourceResponseError(f"{self} sends the query elsewhere (HTTP {status}); use its final address")
        if status >= 500:
            return SourceResponseError(
                f"{self} is not able to answer (HTTP {status}); it may be starting or overloaded"
            )
        if body.lstrip()[:1] == b"<":
            return SourceResponseError(
                f"{self} answered with a web page (HTTP {status}); is it a Prometheus, or a login page?"
            )
        return SourceResponseError(
            f"{self} answered something that is not JSON (HTTP {status}), perhaps cut short; try again"
        )

    def _too_slow(self) -> SourceError:
        return SourceResponseError(
            f"{self} did not answer within {self.timeout_seconds:g} s; allow more by --timeout, or ask for less"
        )


# Only what a healthy server says in passing is asked again; a refused connection is told at once.
_RETRY = Retry(
    total=2,
    connect=0,
    read=False,  # re-raised as it is, so that a time-out stays one
    other=0,
    status=2,
    status_forcelist=(429, 502, 503, 504),
    allowed_methods=None,
    backoff_factor=0.3,
    raise_on_status=False,
    respect_retry_after_header=False,
)


def _why(error: Exception) -> str:
    """The last cause in a word or two; the libraries' own texts run over a line and repeat the address."""
    text = str(error)
    if isinstance(error, requests.ConnectTimeout):
        return "nobody answers"
    for sign, meaning in {
        "Connection refused": "connection refused",
        "Name or service not known": "no such host",
        "Temporary failure in name resolution": "no such host",
        "CERTIFICATE_VERIFY_FAILED": "its certificate is not trusted",
        "WRONG_VERSION_NUMBER": "it does not speak TLS",
        "RemoteDisconnected": "it closed the connection without an answer",
        "Connection reset": "it closed the connection",
    }.items():
        if sign in text:
            return meaning
    return type(error).__name__


def _one_line(text: str) -> str:
    printable = "".join(character if character.isprintable() else " " for character in text)
    short = " ".join(printable.split())
    return short if len(short) <= 200 else short[:197] + "..."
