"""Where data come from: what flags and settings choose, opened. Whatever is slow to import is imported when chosen."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from slo.clock import parse_time, utc_now
from slo.errors import UsageError
from slo.settings import Settings, check_prometheus_url, check_timeout
from slo.window import datetime_of

if TYPE_CHECKING:
    from slo.source.protocol import Source

_DEMO_AT = "2026-11-01T00:00:00Z"
_NO_DATA = (
    "no data to report on: give --ledger DSN (or SLO_LEDGER), --prometheus URL (or SLO_PROMETHEUS_URL), "
    "--data FILE or --demo"
)
_FRESH = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataChoice:
    """One place to read from; with none set, the simulation."""

    prometheus_url: str | None = None
    ledger: str | None = None
    data: Path | None = None
    timeout_seconds: float = 60.0


def choose_data(arguments: Namespace, settings: Settings) -> DataChoice:
    """A flag, else the ledger of the settings, else their Prometheus. Raises UsageError for none, or two flags."""
    given = (
        ("--prometheus", arguments.prometheus is not None),
        ("--data", arguments.data is not None),
        ("--ledger", arguments.ledger is not None),
        ("--demo", arguments.demo),
    )
    flags = [name for name, is_given in given if is_given]
    if len(flags) > 1:
        raise UsageError(f"{' and '.join(flags)} exclude each other: choose one")
    timeout_seconds = timeout_of(arguments, settings)
    if flags:
        url = None if arguments.prometheus is None else check_prometheus_url(arguments.prometheus, "--prometheus")
        return DataChoice(
            prometheus_url=url, ledger=arguments.ledger, data=arguments.data, timeout_seconds=timeout_seconds
        )
    if settings.ledger is None and settings.prometheus_url is None:
        raise UsageError(_NO_DATA)
    url = None if settings.ledger else settings.prometheus_url
    return DataChoice(prometheus_url=url, ledger=settings.ledger, timeout_seconds=timeout_seconds)


def timeout_of(arguments: Namespace, settings: Settings) -> float:
    """Seconds that one question may take."""
    flag = arguments.timeout
    return settings.timeout_seconds if flag is None else check_timeout(flag, "--timeout")


@contextmanager
def opened(choice: DataChoice, at: datetime | None) -> Iterator[tuple[Source, datetime]]:
    """The chosen source, and the time of evaluation that goes with it unless one is given."""
    if choice.ledger is not None:
        from slo.ledger.source import LedgerSource
        from slo.ledger.store import Ledger

        with Ledger(choice.ledger) as ledger:
            yield LedgerSource(ledger), at or _newest(ledger.newest_minute(), utc_now())
    elif choice.prometheus_url is not None:
        from slo.source.prometheus import PrometheusSource

        yield PrometheusSource(choice.prometheus_url, timeout_seconds=choice.timeout_seconds), at or utc_now()
    elif choice.data is not None:
        from slo.source.frame import FrameSource

        table = FrameSource.from_file(choice.data)
        yield table, at or table.end
    else:
        from slo.source.simulated import simulated_cloudshop

        at = at or parse_time(_DEMO_AT)
        yield simulated_cloudshop(at=at), at


def _newest(newest_minute: int | None, now: datetime) -> datetime:
    """The last complete minute, as the ones after it are still being counted; now, if that is too long ago."""
    if newest_minute is None or now - datetime_of(newest_minute) > _FRESH:
        return now
    return datetime_of(newest_minute)
