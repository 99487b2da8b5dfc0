"""What to scrape: the address of a target's metrics and the job that it belongs to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from slo.errors import UsageError
from slo.redaction import without_password
from slo.samples import Target

DEFAULT_JOB = "shop"
DEFAULT_PATH = "/metrics"

_DEFAULT_PORTS = {"http": 80, "https": 443}
_WITH_JOB = re.compile(r"([^=:?#]*)=(.*)", re.DOTALL)
_JOB = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]{0,99}", re.ASCII)
_URL = re.compile(r"[!-~]{1,2000}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ScrapeTarget:
    """A target by its URL; the path is /metrics where the URL has none.

    Raises UsageError for a URL that cannot be scraped, with what to write instead.
    """

    url: str
    job: str = DEFAULT_JOB

    def __post_init__(self) -> None:
        if not _JOB.fullmatch(self.job):
            raise UsageError(f"{self.job[:60]!r} is not a job's name; write letters, digits, _ . / or -")
        problem = _problem(self.url)
        if problem is not None:
            shown = without_password(self.url[:100])
            raise UsageError(f"cannot scrape {shown!r}: {problem}; write it like http://127.0.0.1:8000/metrics")

    @classmethod
    def parse(cls, text: str) -> ScrapeTarget:
        """The target of `URL` or `JOB=URL`. Raises UsageError."""
        match = _WITH_JOB.fullmatch(text.strip())
        return cls(match[2], match[1]) if match else cls(text.strip())

    @property
    def is_https(self) -> bool:
        return self._parts.scheme == "https"

    @property
    def host(self) -> str:
        return self._parts.hostname or ""

    @property
    def port(self) -> int:
        return self._parts.port or _DEFAULT_PORTS[self._parts.scheme]

    @property
    def path(self) -> str:
        """What to ask the server for: path and query."""
        query = f"?{self._parts.query}" if self._parts.query else ""
        return (self._parts.path or DEFAULT_PATH) + query

    @property
    def instance(self) -> str:
        """host:port, as Prometheus labels a target."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def place(self) -> Target:
        return Target(self.job, self.instance)

    @property
    def _parts(self) -> SplitResult:
        return urlsplit(self.url)


def _problem(url: str) -> str | None:
    """Why a URL cannot be scraped."""
    if not _URL.fullmatch(url):
        return "a URL has 1 to 2000 ASCII characters and no spaces"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        return str(error)
    if parts.scheme not in _DEFAULT_PORTS:
        return "it does not begin with http:// or https://"
    if parts.username is not None or parts.password is not None:
        return "a user or password in a URL ends up in labels and logs"
    if not parts.hostname or port == 0:
        return "it names no host and port"
    return "what follows # is never sent" if parts.fragment else None
