"""Where data come from: what flags and settings choose, opened. Whatever is slow to import is imported when chosen."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from slo.clock import parse_time, utc_now
from slo.errors import UsageError
from slo.server_settings import UNNAMED, check_prometheus_url
from slo.settings import Settings, check_duration, check_timeout
from slo.source.server import Server
from slo.window import datetime_of, minute_of

if TYPE_CHECKING:
    from slo.collecting import CollectedSource
    from slo.gate import Gate
    from slo.objective import Objective
    from slo.source.protocol import ReportSource, Source
    from slo.veto import VetoFinding

_DEMO_AT = "2026-11-01T00:00:00Z"
_NO_DATA = (
    "no data to report on: give --ledger DSN (or SLO_LEDGER), --prometheus URL (or SLO_PROMETHEUS_URL), "
    "--data FILE or --demo"
)
_FRESH = timedelta(minutes=10)
_VETO_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DataChoice:
    """One place to read from; with none set, the simulation."""

    servers: Mapping[str, Server] | None = None
    ledger: str | None = None
    data: Path | None = None
    timeout_seconds: float = 60.0


def choose_data(arguments: Namespace, settings: Settings) -> DataChoice:
    """A flag, else the ledger of the settings, else their servers. Raises UsageError for none, or two flags."""
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
    if flags and arguments.prometheus is None:
        return DataChoice(ledger=arguments.ledger, data=arguments.data, timeout_seconds=timeout_seconds)
    servers = servers_of(arguments, settings)
    if settings.ledger is not None and not flags:
        return DataChoice(ledger=settings.ledger, timeout_seconds=timeout_seconds)
    if not servers:
        raise UsageError(_NO_DATA)
    return DataChoice(servers=servers, timeout_seconds=timeout_seconds)


def servers_of(arguments: Namespace, settings: Settings) -> Mapping[str, Server]:
    """The servers of the settings by name; an address from the command line stands for the whole unnamed one."""
    if arguments.prometheus is None:
        return settings.servers
    return {**settings.servers, "": Server(urls=(check_prometheus_url(arguments.prometheus, "--prometheus"),))}


def needed_servers(servers: Mapping[str, Server], objectives: Sequence[Objective]) -> dict[str, Server]:
    """Those that the objectives name, ready to be asked. Raises UsageError for one that the settings do not know."""
    wanted = {one.prometheus: one.id for one in reversed(objectives)}
    for name, id_ in wanted.items():
        if name not in servers:
            known = ", ".join(sorted(one or UNNAMED for one in servers)) or "none"
            missing = f"there is no server {name!r}" if name else "it names no server, and there is none without a name"
            raise UsageError(f"{id_}: {missing} in the settings; there are: {known}")
        servers[name].check_files()
    return {name: servers[name] for name in wanted}


def source_of(servers: Mapping[str, Server], objectives: Sequence[Objective], timeout_seconds: float) -> Source:
    """Each objective counted from the samples of the server that it names."""
    from slo.source.many import ManySources
    from slo.source.prometheus import PrometheusSource

    needed = needed_servers(servers, objectives).items()
    return ManySources({name: PrometheusSource(server, timeout_seconds=timeout_seconds) for name, server in needed})


def collected_sources(
    arguments: Namespace, settings: Settings, stack: ExitStack
) -> Callable[[Sequence[Objective]], dict[str, CollectedSource]]:
    """Where objectives are collected from, for one set of them after another; what is opened is kept.

    stack: ends what was opened. Raises UsageError for nothing to collect from; what is given back raises it for a
    server that the settings do not know.
    """
    if arguments.scrape:
        scraped = _scraped(arguments, stack)
        return lambda objectives: scraped
    servers = servers_of(arguments, settings)
    if not servers:
        raise UsageError("nothing to collect from: give --prometheus URL (or SLO_PROMETHEUS_URL) or --scrape URL")
    timeout_seconds = timeout_of(arguments, settings)
    known: dict[str, CollectedSource] = {}

    def sources(objectives: Sequence[Objective]) -> dict[str, CollectedSource]:
        from slo.collecting import CollectedSource
        from slo.source.prometheus import reader_of

        needed = needed_servers(servers, objectives)
        for name, server in needed.items():
            if name not in known:
                reader = reader_of(server, timeout_seconds=timeout_seconds)
                known[name] = CollectedSource(reader=reader, lag_seconds=server.lag_seconds)
        return {name: known[name] for name in needed}

    return sources


def _scraped(arguments: Namespace, stack: ExitStack) -> dict[str, CollectedSource]:
    from slo.collecting import CollectedSource
    from slo.source.scrape import Scraper
    from slo.source.scrape_target import ScrapeTarget

    targets = [ScrapeTarget.parse(text) for text in arguments.scrape]
    interval = check_duration(arguments.scrape_interval, "--scrape-interval")
    scraper = stack.enter_context(Scraper(targets, interval_seconds=interval))
    return {"": CollectedSource(reader=scraper, lag_seconds=0.0, rereads=False, trouble=scraper.trouble)}


def veto_evaluator(
    arguments: Namespace, settings: Settings
) -> Callable[[Sequence[Gate], datetime], Mapping[str, Sequence[VetoFinding]]]:
    """Evaluates the vetoes of gates at a time, on the servers of flags and settings; side by side, and not for long."""
    servers, timeout_seconds = servers_of(arguments, settings), min(timeout_of(arguments, settings), _VETO_SECONDS)

    def evaluated(gates: Sequence[Gate], at: datetime) -> Mapping[str, Sequence[VetoFinding]]:
        asked = [(gate.name, veto) for gate in gates for veto in gate.vetoes]
        if not asked:
            return {}
        from slo.source.condition import evaluate_vetoes

        findings = evaluate_vetoes([veto for _, veto in asked], servers, at=at, timeout_seconds=timeout_seconds)
        found: dict[str, list[VetoFinding]] = {}
        for (name, _), finding in zip(asked, findings, strict=True):
            found.setdefault(name, []).append(finding)
        return found

    return evaluated


def timeout_of(arguments: Namespace, settings: Settings) -> float:
    """Seconds that one question may take."""
    flag = arguments.timeout
    return settings.timeout_seconds if flag is None else check_timeout(flag, "--timeout")


@contextmanager
def opened(
    choice: DataChoice, objectives: Sequence[Objective], at: datetime | None
) -> Iterator[tuple[ReportSource, datetime]]:
    """The chosen source of these objectives, and the time of evaluation that goes with it unless one is given."""
    if choice.ledger is not None:
        from slo.ledger.memory import LedgerMemory
        from slo.ledger.source import LedgerSource
        from slo.ledger.store import Ledger

        with Ledger(choice.ledger) as ledger:
            if at is not None:
                yield LedgerSource(ledger), at
            else:
                at = newest_complete(ledger.newest_minute(), utc_now())
                yield LedgerMemory(ledger, objectives, at_minute=minute_of(at)), at
    elif choice.servers is not None:
        yield source_of(choice.servers, objectives, choice.timeout_seconds), at or utc_now()
    elif choice.data is not None:
        from slo.source.frame import FrameSource

        table = FrameSource.from_file(choice.data)
        yield table, at or table.end
    else:
        from slo.source.simulated import simulated_cloudshop

        at = at or parse_time(_DEMO_AT)
        yield simulated_cloudshop(at=at), at


def newest_complete(newest_minute: int | None, now: datetime) -> datetime:
    """The time to evaluate at: the last complete minute, as the ones after it are still being counted; now, if that is
    too long ago."""
    if newest_minute is None or now - datetime_of(newest_minute) > _FRESH:
        return now
    return datetime_of(newest_minute)
