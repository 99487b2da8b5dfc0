"""The HTTP side of Prometheus: one POST with a bounded answer, and every way in which it can go wrong.

Built on prometheus-api-client's connection (its session, adapters and address), beside its query methods: those put
long queries into the address, drop warnings and hide the server's error texts.
"""

from __future__ import annotations

import threading
import time
from base64 import b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests
from prometheus_api_client.prometheus_connect import PrometheusConnect
from urllib3.exceptions import HTTPError
from urllib3.util.retry import Retry

from slo.errors import (
    AnswerTooLargeError,
    ServerFailedError,
    SourceError,
    SourceResponseError,
    SourceUnreachableError,
    UsageError,
)
from slo.redaction import without_password
from slo.source.server import Server

_CONNECT_SECONDS = 5.0
_TOO_MUCH = ("too many samples", "exceeds the limit", "limit exceeded", "too large", "max_samples", "maxsamplesper")


class PrometheusApi:
    """One server at one address. Safe to share between threads: each has its own session.

    server: how to be let in; url is one of its addresses. max_answer_bytes: the largest body that is taken in, so
    that memory stays bounded.
    """

    def __init__(
        self, url: str, *, timeout_seconds: float, max_answer_bytes: int = 16 * 2**20, server: Server | None = None
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise UsageError(
                f"{_one_line(without_password(url))} is not the address of a Prometheus; write http://host:9090"
            )
        self.url = url.rstrip("/")
        self.timeout_seconds = timeout_seconds
        self._server = server or Server(urls=(self.url,))
        self._max_answer_bytes = max_answer_bytes
        self._local = threading.local()
        self._speaks_metricsql: bool | None = None

    def __str__(self) -> str:
        return f"Prometheus at {without_password(self.url)}"

    @classmethod
    def replicas_of(cls, server: Server, *, timeout_seconds: float) -> tuple[PrometheusApi, ...]:
        """One for each address of a server, the preferred one first."""
        return tuple(cls(url, timeout_seconds=timeout_seconds, server=server) for url in server.urls)

    def server_time_ms(self) -> int:
        """The server's own clock, in milliseconds since the epoch; some round it down to the second.

        Raises SourceError.
        """
        data = self.post("/api/v1/query", {"query": "time()"}).get("data")
        try:
            result = data["result"]  # type: ignore[index]
            # A scalar of Prometheus; VictoriaMetrics makes a vector of it.
            pair = result[0]["value"] if data["resultType"] == "vector" else result  # type: ignore[index]
            return round(float(pair[1]) * 1000)
        except (TypeError, KeyError, IndexError, ValueError, OverflowError):
            raise SourceResponseError(f"{self} did not answer with its time; is it a Prometheus?") from None

    def speaks_metricsql(self) -> bool:
        """Whether this is a VictoriaMetrics, which knows operators that Prometheus refuses. Asked once."""
        if self._speaks_metricsql is None:
            try:
                data = self.post("/api/v1/query", {"query": "1 default 2"}).get("data")
                self._speaks_metricsql = isinstance(data, dict) and data.get("resultType") == "vector"
            except ServerFailedError:
                raise
            except SourceResponseError:
                self._speaks_metricsql = False
        return self._speaks_metricsql

    def post(self, path: str, form: Mapping[str, str | list[str]]) -> dict[str, Any]:
        """The whole envelope of a successful answer. Raises SourceError, AnswerTooLargeError among them."""
        try:
            status, body = self._exchange(path, form)
        except requests.ReadTimeout as error:
            raise self._too_slow() from error
        except UsageError as error:  # of a file with a secret, which was there when the server was opened
            raise SourceUnreachableError(f"{self} cannot be asked: {error}") from None
        except (requests.exceptions.ChunkedEncodingError, HTTPError) as error:
            raise ServerFailedError(f"{self} stopped in the middle of an answer; try again") from error
        except (requests.ConnectionError, requests.Timeout) as error:
            raise SourceUnreachableError(f"{self} cannot be reached: {_why(error)}; check the address") from error
        except requests.RequestException as error:
            raise SourceUnreachableError(f"{self} cannot be asked: {_one_line(str(error))}") from error
        except OSError as error:  # requests' own, for files of certificates
            raise SourceUnreachableError(f"{self} cannot be asked: {_why(error)}") from error
        return self._envelope(status, body)

    def _exchange(self, path: str, form: Mapping[str, str | list[str]]) -> tuple[int, bytes]:
        deadline = time.monotonic() + self.timeout_seconds
        timeout = (min(_CONNECT_SECONDS, self.timeout_seconds), self.timeout_seconds)
        session = self._session()
        ca_file = self._server.ca_file
        with session.post(
            self.url + path,
            data={**form, **_FRESH},
            timeout=timeout,
            stream=True,
            allow_redirects=False,  # which would take the credentials elsewhere
            verify=None if ca_file is None else str(ca_file),  # a session's is overruled by REQUESTS_CA_BUNDLE
        ) as response:
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
            session.headers.update(self._server.headers)
            if self._server.cert_file and self._server.key_file:
                session.cert = (str(self._server.cert_file), str(self._server.key_file))
            if self._server.sends_credentials:
                session.auth = self._authorize
        return session

    def _authorize(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Puts in the credentials as their file holds them now."""
        token, pair = self._server.bearer_token(), self._server.basic_auth()
        if token is not None:
            request.headers["Authorization"] = f"Bearer {token}"
        if pair is not None:
            request.headers["Authorization"] = f"Basic {b64encode(':'.join(pair).encode()).decode()}"
        return request

    def _envelope(self, status: int, body: bytes) -> dict[str, Any]:
        if status in (401, 403):
            raise self._not_let_in(status)
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
        kind = ServerFailedError if status >= 500 else SourceResponseError
        raise kind(f"{self} refused the query (HTTP {status}): {message}")

    def _not_let_in(self, status: int) -> SourceError:
        place = self._server.place or "the settings"
        if self._server.sends_credentials:
            key = "bearer_token_file" if self._server.bearer_token_file else "basic_auth"
            return SourceResponseError(
                f"{self} does not accept the credentials (HTTP {status}); look at {key} and headers in {place}"
            )
        return SourceResponseError(
            f"{self} asks for credentials (HTTP {status}); set bearer_token_file or basic_auth, "
            f"or a tenant in headers, in {place}"
        )

    def _not_json(self, status: int, body: bytes) -> SourceError:
        if 300 <= status < 400:
            return SourceResponseError(f"{self} sends the query elsewhere (HTTP {status}); use its final address")
        if status >= 500:
            return ServerFailedError(f"{self} is not able to answer (HTTP {status}); it may be starting or overloaded")
        if body.lstrip()[:1] == b"<":
            return SourceResponseError(
                f"{self} answered with a web page (HTTP {status}); is it a Prometheus, or a login page?"
            )
        return SourceResponseError(
            f"{self} answered something that is not JSON (HTTP {status}), perhaps cut short; try again"
        )

    def _too_slow(self) -> SourceError:
        return ServerFailedError(
            f"{self} did not answer within {self.timeout_seconds:g} s; allow more by --timeout, or ask for less"
        )


# VictoriaMetrics evaluates functions half a minute ago, and from a cache, unless told not to.
_FRESH = {"nocache": "1"}

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
        "Hostname mismatch": "its certificate is not trusted",
        "WRONG_VERSION_NUMBER": "it does not speak TLS",
        "CERTIFICATE_REQUIRED": "it asks for a certificate; set tls.cert_file and tls.key_file",
        "HANDSHAKE_FAILURE": "it refuses the TLS handshake; perhaps it asks for tls.cert_file and tls.key_file",
        "UNKNOWN_CA": "it does not trust the certificate of tls.cert_file",
        "KEY_VALUES_MISMATCH": "tls.key_file does not belong to tls.cert_file",
        "private key is encrypted": "tls.key_file is encrypted; store it without a passphrase",
        "NO_CERTIFICATE_OR_CRL_FOUND": "tls.ca_file holds no certificate",
        "PEM": "a file of its tls settings holds no certificate or key",
        "invalid path": "a file of its tls settings is not there",
        "RemoteDisconnected": "it closed the connection without an answer",
        "Connection reset": "it closed the connection",
        "Broken pipe": "it closed the connection",
        "EOF occurred": "it closed the connection",
    }.items():
        if sign in text:
            return meaning
    return type(error).__name__


def _one_line(text: str) -> str:
    printable = "".join(character if character.isprintable() else " " for character in text)
    short = " ".join(printable.split())
    return short if len(short) <= 200 else short[:197] + "..."
