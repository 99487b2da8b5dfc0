"""How a notice on a budget is given: to a webhook, or to an Alertmanager."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import orjson
import urllib3

from slo.clock import format_time
from slo.errors import SLOError

SCHEMA = "slo.notice/v1"

_SECONDS = 10.0
_LASTS = timedelta(days=1)
"""An alert that nobody posts again ends by itself; a notice is given once."""


class NoticeError(SLOError):
    """A notice could not be given. Names the host alone: the path of a webhook is often its secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A budget fell below a level, in percent of it. labels: the objective's own."""

    slo: str
    service: str
    labels: Mapping[str, str]
    percent: int
    state: str
    target_ratio: float
    remaining_ratio: float
    remaining_minutes: float | None
    at: datetime

    @property
    def message(self) -> str:
        if self.percent == 0:
            return f"{self.slo}: the error budget is exhausted"
        return f"{self.slo}: less than {self.percent} % of the error budget is left"


@dataclass(frozen=True, slots=True)
class Destination:
    """One place that notices are posted to. name: as it is remembered by."""

    name: str
    url: str

    def post(self, notice: Notice) -> None:
        """Raises NoticeError where it was not taken."""
        url, body = self._request(notice)
        headers = {"Content-Type": "application/json", "User-Agent": "slo"}
        try:
            answer = urllib3.request(
                "POST", url, body=body, headers=headers, timeout=_SECONDS, retries=False, redirect=False
            )
        except urllib3.exceptions.HTTPError as error:
            raise NoticeError(f"the {self.name} at {self._host} cannot be reached: {_told(error)}") from error
        if not 200 <= answer.status < 300:
            raise NoticeError(f"the {self.name} at {self._host} answered {answer.status}")

    @property
    def _host(self) -> str:
        address = urlsplit(self.url)
        return f"{address.hostname}:{address.port}" if address.port else str(address.hostname)

    def _request(self, notice: Notice) -> tuple[str, bytes]:
        if self.name == ALERTMANAGER:
            return f"{self.url.rstrip('/')}/api/v2/alerts", orjson.dumps([_alert(notice)])
        return self.url, orjson.dumps(_document(notice))


WEBHOOK, ALERTMANAGER = "webhook", "alertmanager"


def destinations(webhook: str | None, alertmanager_url: str | None) -> tuple[Destination, ...]:
    """Those that are set."""
    found = ((WEBHOOK, webhook), (ALERTMANAGER, alertmanager_url))
    return tuple(Destination(name, url) for name, url in found if url)


def _document(notice: Notice) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "slo": notice.slo,
        "service": notice.service,
        "labels": dict(notice.labels),
        "below_percent": notice.percent,
        "remaining_ratio": notice.remaining_ratio,
        "remaining_minutes": notice.remaining_minutes,
        "target_ratio": notice.target_ratio,
        "state": notice.state,
        "at": format_time(notice.at),
        "message": notice.message,
    }


def _alert(notice: Notice) -> dict[str, Any]:
    """As the Alertmanager's API v2 wants it. Source: its api/v2/openapi.yaml, postableAlert."""
    own = {
        "alertname": "ErrorBudgetLow",
        "slo": notice.slo,
        "slo_service": notice.service,
        "below_percent": str(notice.percent),
        "severity": "ticket",
    }
    return {
        "labels": {**notice.labels, **own},
        "annotations": {"summary": notice.message},
        "startsAt": format_time(notice.at),
        "endsAt": format_time(notice.at + _LASTS),
    }


def _told(error: Exception) -> str:
    """The kind of failure; the text of the library's errors holds the whole address."""
    if isinstance(error, urllib3.exceptions.NewConnectionError):
        return "no connection"
    if isinstance(error, urllib3.exceptions.TimeoutError):
        return "no answer in time"
    if isinstance(error, urllib3.exceptions.SSLError):
        return "its certificate is not trusted"
    return type(error).__name__
