"""A decision in the forms that callers read, serialised once."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import orjson
from starlette.types import Receive, Scope, Send

from slo.decision import Decision, Outcome
from slo.render.decision_json import decision_document

_LONGEST_RETRY_SECONDS = 60


class Given:
    """A decision as it is given to callers until it expires."""

    def __init__(self, decision: Decision) -> None:
        self.decision = decision

    @cached_property
    def document(self) -> dict[str, Any]:
        return decision_document(self.decision)

    @cached_property
    def body(self) -> bytes:
        return orjson.dumps(self.document)

    @property
    def reason(self) -> str:
        """What decided, in one word: the cause of what is unknown, else the check; "" for allow."""
        if self.decision.decisive is None:
            return ""
        decisive = self.decision.reasons[self.decision.decisive]
        return decisive.cause or decisive.check

    @property
    def message(self) -> str:
        """What decided, for people."""
        decision = self.decision
        return "" if decision.decisive is None else decision.reasons[decision.decisive].message

    @cached_property
    def always_ok(self) -> Reply:
        """The JSON form: 200 whatever was decided."""
        return Reply(200, self)

    @cached_property
    def by_status(self) -> Reply:
        """The status form: 200 or 403."""
        return Reply(200 if self.decision.allowed else 403, self)

    @property
    def asks_to_roll_back(self) -> bool:
        """For hooks that mean `shall I roll back?`: only a deny that the burn rate decided says so."""
        decision = self.decision
        if decision.outcome is not Outcome.DENY or decision.dry_run or decision.decisive is None:
            return False
        return decision.reasons[decision.decisive].check == "max_burn_rate"


class Reply:
    """An ASGI response that is made once and sent often."""

    def __init__(self, status: int, given: Given) -> None:
        decision = given.decision
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(given.body)).encode()),
            (b"cache-control", b"no-store"),
            (b"slo-decision", decision.outcome.value.encode()),
            (b"slo-decision-id", decision.id.encode()),
        ]
        if given.reason:
            headers.append((b"slo-reason", given.reason.encode("ascii", "replace")))
        if decision.outcome is Outcome.UNKNOWN:
            seconds = (decision.expires_at - decision.at).total_seconds()
            headers.append((b"retry-after", str(min(max(1, round(seconds)), _LONGEST_RETRY_SECONDS)).encode()))
        self._start = {"type": "http.response.start", "status": status, "headers": headers}
        self._body = {"type": "http.response.body", "body": given.body}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send(self._start.copy())
        await send(self._body.copy())
