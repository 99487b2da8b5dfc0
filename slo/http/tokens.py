"""The tokens file: who may ask, one line each, without the tokens themselves.

    # name   role    sha256 of the token           last moment (optional)
    ci       decide  sha256:9f86d081884c7d65...
    oncall   admin   sha256:60303ae22b998861...    2027-01-01T00:00:00Z

A plain SHA-256 is right here: tokens are 256 random bits that nobody chose, so there is nothing to guess and nothing
that a slow hash would protect, and one is computed for every request.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from slo.clock import format_time, parse_time
from slo.errors import UsageError
from slo.http.roles import ROLES

TOKEN_ROLES = tuple(role for role in ROLES if role != "none")
_PREFIX = "slo_"
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62})", re.ASCII)
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})", re.ASCII)
_WORLD_WRITABLE = 0o022


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What is known of one token. digest: SHA-256; until: None for ever."""

    name: str
    role: str
    digest: bytes
    until: datetime | None = None

    def line(self) -> str:
        """Its line of the tokens file."""
        end = f" {format_time(self.until)}" if self.until else ""
        return f"{self.name} {self.role} sha256:{self.digest.hex()}{end}"


def new_token(name: str, role: str, until: datetime | None = None) -> tuple[str, Token]:
    """A new random token, and what the file keeps of it. Raises UsageError."""
    secret = _PREFIX + secrets.token_urlsafe(32)
    return secret, Token(name=_name(name), role=_role(role), digest=digest_of(secret), until=until)


def digest_of(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def read_tokens(file: Path) -> tuple[Token, ...]:
    """The tokens of a file. Raises UsageError that names the line."""
    try:
        mode = file.stat().st_mode
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"{file}: is not UTF-8 text") from None
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}") from None
    if mode & _WORLD_WRITABLE:
        raise UsageError(f"{file}: others may write it; chmod 600 {file}")
    tokens = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split("#", 1)[0].split()
        if words:
            tokens.append(_token(words, f"{file}:{number}"))
    names = [token.name for token in tokens]
    for name in names:
        if names.count(name) > 2:
            raise UsageError(f"{file}: {name!r} stands here more than twice: two suffice to change a token")
    return tuple(tokens)


def add_token(file: Path, token: Token) -> None:
    """One more line, in a file that only its owner may read. Raises UsageError."""
    try:
        if file.exists():
            read_tokens(file)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "a+", encoding="utf-8") as opened:
            opened.write(f"{_line_end(file)}{token.line()}\n")
    except OSError as error:
        raise UsageError(f"{file}: cannot be written: {error.strerror}") from None


def find(tokens: Sequence[Token], secret: str, now: datetime) -> Token | None:
    """The token that a caller showed; takes as long whichever it is."""
    shown, found = digest_of(secret), None
    for token in tokens:
        if hmac.compare_digest(token.digest, shown):
            found = token
    return found if found and (found.until is None or now < found.until) else None


def _token(words: Sequence[str], place: str) -> Token:
    digest = _DIGEST.fullmatch(words[2]) if len(words) in (3, 4) else None
    if digest is None:
        raise UsageError(f"{place}: write NAME ROLE sha256:DIGEST, as `slo token new` prints it")
    try:
        until = parse_time(words[3]) if len(words) == 4 else None
        return Token(name=_name(words[0]), role=_role(words[1]), digest=bytes.fromhex(digest[1]), until=until)
    except UsageError as error:
        raise UsageError(f"{place}: {error}") from None


def _name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name[:64]!r} is no name of a token: at most 63 letters, digits, dots, - and _")
    return name


def _role(role: str) -> str:
    if role not in TOKEN_ROLES:
        raise UsageError(f"{role[:64]!r} is no role; there are {', '.join(TOKEN_ROLES)}")
    return role


def _line_end(file: Path) -> str:
    content = file.read_bytes()
    return "\n" if content and not content.endswith(b"\n") else ""
