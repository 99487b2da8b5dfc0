"""A Prometheus server, or one of those that speak its API, and how to be let in there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from slo.errors import UsageError
from slo.redaction import without_password

_LARGEST_SECRET_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """What the settings say of one server; the one without a name has "" as its name.

    urls: replicas, which scrape the same targets each; the first is preferred. headers: of every question, such as
    a tenant's. lag_seconds: how late samples arrive, None to learn it. place: where this was set, for messages. What
    files hold is read at each use, so that a rotated token or password works; it is never kept.
    """

    name: str = ""
    urls: tuple[str, ...] = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    bearer_token_file: Path | None = None
    username: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    lag_seconds: float | None = None
    place: str = field(default="", compare=False)

    def __str__(self) -> str:
        addresses = " or ".join(without_password(url) for url in self.urls)
        return f"{self.name} ({addresses})" if self.name else addresses

    @property
    def sends_credentials(self) -> bool:
        return self.bearer_token_file is not None or self.username is not None

    def bearer_token(self) -> str | None:
        """The token as its file holds it now. Raises UsageError."""
        return self._secret("bearer_token_file", self.bearer_token_file)

    def basic_auth(self) -> tuple[str, str] | None:
        """User name and password, as its file holds it now. Raises UsageError."""
        password = self._secret("basic_auth.password_file", self.password_file)
        return None if self.username is None or password is None else (self.username, password)

    def check_files(self) -> None:
        """Raises UsageError for a file that is named here and cannot be read."""
        self.bearer_token()
        self.basic_auth()
        for key in ("ca_file", "cert_file", "key_file"):
            self._content(f"tls.{key}", getattr(self, key))

    def _secret(self, key: str, file: Path | None) -> str | None:
        content = self._content(key, file)
        if content is None:
            return None
        try:
            secret = content.decode("utf-8").strip()
        except UnicodeDecodeError:
            raise self._wrong(key, f"{file} is not UTF-8 text") from None
        if not secret or not secret.isprintable():
            raise self._wrong(key, f"{file} must hold one line of text, the secret alone")
        if key == "bearer_token_file" and not secret.isascii():
            raise self._wrong(key, f"{file} holds something else than a token")
        return secret

    def _content(self, key: str, file: Path | None) -> bytes | None:
        if file is None:
            return None
        try:
            with file.open("rb") as opened:
                return opened.read(_LARGEST_SECRET_BYTES)
        except OSError as error:
            raise self._wrong(key, f"{file} cannot be read: {error.strerror}") from None

    def _wrong(self, key: str, message: str) -> UsageError:
        return UsageError(": ".join(part for part in (f"{self.place}.{key}" if self.place else key, message) if part))
