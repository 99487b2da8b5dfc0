"""Who a request comes from: its token, its client certificate, or neither."""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

from slo.errors import UsageError
from slo.http.problem import ProblemError
from slo.http.roles import Caller, refused
from slo.http.tokens import Token, find, read_tokens
from slo.http.watched import Watched

CERTIFICATE_ROLE = "decide"
_LOG = logging.getLogger("slo.http")


class Authentication:
    """The tokens of a file, read again when it changes.

    file: None where there are no tokens; anonymous: the role of a caller that shows neither token nor certificate.
    A changed file that is wrong keeps the tokens that were, and `problem` says why. Raises UsageError at the start.
    """

    def __init__(self, file: Path | None, *, anonymous: str, now: Callable[[], datetime]) -> None:
        self._now = now
        self._anonymous = anonymous
        self._tokens: tuple[Token, ...] = read_tokens(file) if file else ()
        self._watched = Watched([file] if file else [])
        self._file = file
        self.problem = ""

    def reload(self) -> None:
        """Read the file again if it has changed."""
        if self._file is None or not self._watched.changed():
            return
        try:
            self._tokens, self.problem = read_tokens(self._file), ""
            _LOG.info("tokens read again: %d", len(self._tokens))
        except UsageError as error:
            self.problem = str(error)
            _LOG.error("tokens not changed: %s", error)

    def caller(self, scope: Scope) -> Caller:
        """Raises the 401 of a token that is none: it never falls back to what anyone may do."""
        address = scope["client"][0] if scope.get("client") else ""
        secrets = [value for name, value in scope["headers"] if name == b"authorization"]
        if secrets:
            token = find(self._tokens, _secret(secrets), self._now())
            if token is None:
                raise refused("the token is unknown or has expired")
            return Caller(token.name, token.role, address)
        if peer := scope.get("slo.peer"):
            return Caller(f"certificate:{peer}", CERTIFICATE_ROLE, address)
        return Caller("", self._anonymous, address)


class AuthenticationLayer:
    """Puts the caller into the scope as `slo.caller`, for the routes to demand permissions of."""

    def __init__(self, app: ASGIApp, authentication: Authentication) -> None:
        self._app = app
        self._authentication = authentication

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["slo.caller"] = self._authentication.caller(scope)
        await self._app(scope, receive, send)


def _secret(values: Iterable[bytes]) -> str:
    """The token of `Bearer TOKEN`, or of `Basic`, whose password it is: so a browser can ask people for it."""
    (value, *more) = values
    if more:
        raise ProblemError(400, "there is more than one Authorization header")
    scheme, _, rest = value.decode("latin-1").partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(rest.strip(), validate=True).decode("utf-8").partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            raise refused("the Authorization header is not Basic as RFC 7617 has it") from None
    raise refused("write the token as Authorization: Bearer TOKEN")
