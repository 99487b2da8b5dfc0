"""A gate asked over HTTP by something that must stop where it does not say yes: no answer is no."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import requests

from slo.errors import UsageError
from slo.redaction import without_password

_MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. decision: of schema slo.decision/v1, None where there was none; message: why not, or why."""

    allowed: bool
    decision: Mapping[str, Any] | None
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One gate of a running service. slos: ids or globs, none for all that the gate names. Raises UsageError."""

    url: str
    gate: str
    slos: tuple[str, ...] = ()
    timeout_seconds: float = 3.0
    token: str = ""

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise UsageError("url: write the address of the service, such as http://slo:8080")
        if parts.username is not None or parts.password is not None:
            raise UsageError("url: leave out the password; a token comes from SLO_TOKEN")
        if not self.gate:
            raise UsageError("gate: write the name of the gate")
        if not all(33 <= ord(character) <= 126 for character in self.token):
            raise UsageError("the token has characters that no token has")

    def ask(self, told: Mapping[str, Any] | None = None) -> Answer:
        """The gate's answer; with something told, it is asked in the form that is recorded. Never raises."""
        try:
            return _within(self.timeout_seconds, lambda: self._asked(told))
        except TimeoutError:
            return self._none("gave no answer in time")
        except requests.Timeout:
            return self._none("gave no answer in time")
        except requests.ConnectionError:
            return self._none("cannot be reached")
        except Exception as error:  # whatever goes wrong, it is no yes
            return self._none(f"could not be asked: {type(error).__name__}")

    def _asked(self, told: Mapping[str, Any] | None) -> Answer:
        address = f"{self.url.rstrip('/')}/gates/{quote(self.gate, safe='')}"
        with requests.Session() as session:
            if self.token:
                session.auth = self._with_token  # a header alone would be replaced by what a .netrc says
            with session.request(
                "GET" if told is None else "POST",
                address,
                params=[("slo", slo) for slo in self.slos],
                json=told,
                headers={"Accept": "application/json"},
                timeout=self.timeout_seconds,
                allow_redirects=False,
                stream=True,
            ) as response:
                body = response.raw.read(_MOST_BYTES + 1, decode_content=True)
        return self._understood(response.status_code, body, is_recorded=told is not None)

    def _with_token(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self.token}"
        return request

    def _understood(self, status: int, body: bytes, *, is_recorded: bool) -> Answer:
        """A decision comes with 200; recorded ones that are no come with 403."""
        if status not in ((200, 403) if is_recorded else (200,)):
            return self._none(f"answered {status}{_detail(body)}")
        try:
            decision = json.loads(body)
        except ValueError:
            decision = None
        if not isinstance(decision, dict) or decision.get("gate") != self.gate or "decision" not in decision:
            return self._none("answered something else than a decision")
        allowed = decision.get("allowed") is True and status == 200
        return Answer(allowed, decision, f"gate {self.gate!r} says {decision['decision']}{_why(decision)}")

    def _none(self, what: str) -> Answer:
        return Answer(False, None, f"gate {self.gate!r} at {without_password(self.url)} {what}")


def _why(decision: Mapping[str, Any]) -> str:
    """The message of the reason that decided."""
    reasons = decision.get("reasons")
    for reason in reasons if isinstance(reasons, list) else ():
        if isinstance(reason, dict) and reason.get("decisive") is True:
            return f": {str(reason.get('message', ''))[:500]}"
    return ""


def _detail(body: bytes) -> str:
    """What a problem of RFC 9457 says."""
    try:
        problem = json.loads(body)
    except ValueError:
        return ""
    detail = problem.get("detail") if isinstance(problem, dict) else None
    return f": {detail[:300]}" if isinstance(detail, str) else ""


def _within(seconds: float, work: Callable[[], Answer]) -> Answer:
    """Its result, or what it raises; a TimeoutError where that takes longer: a server may send a byte a second."""
    done: queue.Queue[Answer | Exception] = queue.Queue()

    def run() -> None:
        try:
            done.put(work())
        except Exception as error:
            done.put(error)

    threading.Thread(target=run, name="slo-gate", daemon=True).start()
    try:
        result = done.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(result, Exception):
        raise result
    return result
