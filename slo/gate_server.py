"""A decision asked of a running service: one request, bounded in bytes and in time; its token is sent nowhere else."""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, cast
from urllib.parse import quote, urlencode, urlsplit

from slo.errors import AnswerTooLargeError, SourceResponseError, SourceUnreachableError, UsageError
from slo.redaction import without_password
from slo.source.deadlined import Deadlined

_MOST_BYTES = 1024 * 1024
_MOST_DETAIL = 500
_PROBLEM = "application/problem+json"


@dataclass(frozen=True, slots=True)
class GateServer:
    """A service at an address. Raises UsageError for an address or a token that cannot be one.

    setting: the variable that the token comes from.
    """

    url: str
    token: str | None = field(default=None, repr=False)
    setting: str = "SLO_TOKEN"

    def __post_init__(self) -> None:
        shown = without_password(self.url)
        try:
            parts = urlsplit(self.url)
            usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            usable = False
        if not usable or not self.url.isascii() or not self.url.isprintable() or " " in self.url:
            raise UsageError(f"{shown!r} is no address of a service; write one such as https://slo.example.com")
        if parts.username is not None or parts.query or parts.fragment:
            raise UsageError(f"{shown!r} is more than an address; a token belongs into {self.setting}")
        if self.token is not None and not (self.token.isascii() and self.token.isprintable() and " " not in self.token):
            raise UsageError(f"{self.setting}: this is no token: it has other characters than one has")

    def ask(
        self, gate: str, slos: Sequence[str], *, timeout_seconds: float, told: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """The document of the decision; with something told, the service records it with the caller.

        Raises UsageError for what the service does not know, SourceError otherwise.
        """
        query = f"?{urlencode([('slo', slo) for slo in slos])}" if slos else ""
        path = f"{urlsplit(self.url).path.rstrip('/')}/gates/{quote(gate, safe='')}{query}"
        status, content_type, body = self._answered(path, timeout_seconds, told, _MOST_BYTES)
        is_decision = status == 200 or (status == 403 and told is not None and content_type != _PROBLEM)
        if not is_decision:
            raise self._refusal(status, content_type, body)
        document = self._document(body, gate)
        if told is not None and (document.get("allowed") is True) != (status == 200):
            raise SourceResponseError(f"{self.url} answers {status} with a decision that says something else")
        return document

    def get(self, path: str, *, timeout_seconds: float, most_bytes: int = _MOST_BYTES) -> bytes:
        """The body of another one of its routes, by GET. Raises as `ask` does."""
        path = urlsplit(self.url).path.rstrip("/") + path
        status, content_type, body = self._answered(path, timeout_seconds, None, most_bytes)
        if status != 200:
            raise self._refusal(status, content_type, body)
        return body

    def post(self, path: str, told: Mapping[str, Any], *, timeout_seconds: float) -> None:
        """Something told to another one of its routes, which has no answer to give. Raises as `ask` does."""
        path = urlsplit(self.url).path.rstrip("/") + path
        status, content_type, body = self._answered(path, timeout_seconds, told, _MOST_BYTES)
        if status != 204:
            raise self._refusal(status, content_type, body)

    def _answered(
        self, path: str, timeout_seconds: float, told: Mapping[str, Any] | None, most_bytes: int
    ) -> tuple[int, str, bytes]:
        try:
            return self._exchange(path, timeout_seconds, told, most_bytes)
        except TimeoutError:
            raise SourceUnreachableError(f"{self.url} gave no whole answer within {timeout_seconds:g} s") from None
        except OSError as error:
            raise SourceUnreachableError(f"{self.url} cannot be reached: {_reason(error)}") from None
        except (HTTPException, ValueError) as error:
            raise SourceResponseError(f"{self.url} does not answer in HTTP: {type(error).__name__}") from None

    def _exchange(
        self, path: str, timeout_seconds: float, told: Mapping[str, Any] | None, most_bytes: int
    ) -> tuple[int, str, bytes]:
        method, sent = ("GET", None) if told is None else ("POST", json.dumps(told).encode())
        deadline = time.monotonic() + timeout_seconds
        connection = self._connection(timeout_seconds)
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", "Connection": "close"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        try:
            if sent is not None:
                headers["Content-Type"] = "application/json"
            connection.request(method, path, body=sent, headers={**headers, "User-Agent": "slo-gate"})
            with HTTPResponse(cast(socket.socket, Deadlined(connection.sock, deadline)), method=method) as response:
                response.begin()
                body = response.read(most_bytes + 1)
                if len(body) > most_bytes:
                    raise AnswerTooLargeError(f"{self.url} answers with more than {most_bytes >> 20} MiB")
                if response.length:
                    raise SourceResponseError(f"{self.url} breaks off in the middle of its answer")
                return response.status, response.headers.get_content_type(), body
        finally:
            connection.close()

    def _connection(self, timeout_seconds: float) -> HTTPConnection:
        parts = urlsplit(self.url)
        host = str(parts.hostname)
        if parts.scheme == "https":
            context = ssl.create_default_context()
            return HTTPSConnection(host, parts.port or 443, timeout=timeout_seconds, context=context)
        return HTTPConnection(host, parts.port or 80, timeout=timeout_seconds)

    def _refusal(self, status: int, content_type: str, body: bytes) -> Exception:
        """What an answer other than 200 means: no decision was made."""
        detail = _detail(body) if content_type == _PROBLEM else ""
        told = f"{self.url} answers {status}{f': {detail}' if detail else ''}"
        if status in (401, 403):
            cure = "the token is not accepted" if self.token else f"it wants a token: set {self.setting}"
            return SourceResponseError(f"{told}; {cure}")
        if status in (400, 404) and content_type == _PROBLEM:
            return UsageError(told)
        if 300 <= status < 400:
            return SourceResponseError(f"{told}; redirects are not followed: name the final address")
        if not detail:
            return SourceResponseError(f"{told} instead of a decision; is a service of `slo serve` there?")
        return SourceResponseError(told)

    def _document(self, body: bytes, gate: str) -> dict[str, Any]:
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict) or document.get("schema") != "slo.decision/v1":
            raise SourceResponseError(
                f"{self.url} answers something that is no decision; is it a service of `slo serve`?"
            )
        if document.get("gate") != gate:
            raise SourceResponseError(f"{self.url} answers for another gate")
        return document


def _detail(body: bytes) -> str:
    """What a problem says, in one line."""
    try:
        problem = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    detail = problem.get("detail") if isinstance(problem, dict) else None
    return " ".join(detail.split())[:_MOST_DETAIL] if isinstance(detail, str) else ""


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    return str(error.strerror or error)[:120]
