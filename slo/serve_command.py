"""The command that runs the service: the collector's process, the record, and the routes in front of them."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from slo.clock import utc_now
from slo.commands import Result, chosen_files, chosen_objectives
from slo.errors import UsageError
from slo.http.app import create_app
from slo.http.auth import Authentication
from slo.http.limits import LOOPBACK_HOSTS
from slo.http.logs import log_to
from slo.http.server import Server, is_loopback, listen, make_server, url_of
from slo.http.service import Rules, Service
from slo.http.tls import ReloadingTLS, TLSFiles
from slo.http.tracing import traced
from slo.ledger_commands import ledger_dsn
from slo.opening import servers_of
from slo.record import Record
from slo.record_commands import record_dsn
from slo.service_settings import check_anonymous, check_port
from slo.serving.messages import ChildConfig
from slo.serving.supervisor import Supervisor
from slo.settings import Settings, load_settings

_LOG = logging.getLogger("slo.serve")
_SWITCH_SECONDS = 0.0005
"""How long a thread that folds many verdicts may hold up the loop that answers; Python's own is ten times that."""
_ANYBODY = "admin"
_CHILD_SECONDS = 15.0


def serve(arguments: Namespace) -> Result:
    """Serve until SIGTERM or SIGINT; SIGHUP reads all files again. The page's address goes to standard output."""
    settings = load_settings(os.environ, arguments.settings)
    plan = _plan(arguments, settings)
    chosen_objectives(tuple(Path(file) for file in plan.child.files), ())
    log_to(sys.stderr)
    sys.setswitchinterval(_SWITCH_SECONDS)
    import uvloop

    with (
        ExitStack() as listeners,
        listen(plan.host, plan.port) as listener,
        Record(plan.record, create=True, retention=plan.retention) as record,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        plain = listeners.enter_context(listen(plan.host, plan.plain_port)) if plan.plain_port is not None else None
        runner.run(_serve(plan, listener, plain, record))
    return Result("")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What was asked for, checked before anything is opened."""

    host: str
    port: int
    plain_port: int | None
    record: str
    retention: timedelta
    child: ChildConfig
    tokens: Path | None
    anonymous: str
    tls: TLSFiles | None
    rules: Rules


async def _serve(plan: _Plan, listener: socket.socket, plain: socket.socket | None, record: Record) -> None:
    """plain: where callers are answered without TLS, too."""
    authentication = Authentication(plan.tokens, anonymous=plan.anonymous, now=utc_now)
    tls = ReloadingTLS(plan.tls) if plan.tls else None
    supervisor = Supervisor(plan.child, lambda snapshot: service.publish(snapshot))
    service = Service(record, authentication, rules=plan.rules, tls=tls, collector=supervisor, ledger=plan.child.ledger)
    app = traced(create_app(service))
    servers = [(make_server(app, tls=tls), listener)]
    if plain is not None:
        servers.append((make_server(app), plain))
    _on_signals([server for server, _ in servers], service, supervisor)
    await supervisor.start()
    ticking = asyncio.create_task(service.run())
    # What is there now stays: the collector of garbage need not look at it again and again.
    gc.collect()
    gc.freeze()
    print(url_of(listener, tls=tls is not None), flush=True)
    try:
        await asyncio.gather(*(server.serve(sockets=[where]) for server, where in servers))
    finally:
        ticking.cancel()
        with suppress(asyncio.CancelledError):
            await ticking
        await supervisor.stop(_CHILD_SECONDS)


def _on_signals(servers: Sequence[Server], service: Service, supervisor: Supervisor) -> None:
    def stop() -> None:
        """The second time, without waiting for requests under way."""
        for server in servers:
            server.force_exit, server.should_exit = server.should_exit, True
        service.stopping = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    loop.add_signal_handler(signal.SIGHUP, supervisor.reload)


def _plan(arguments: Namespace, settings: Settings) -> _Plan:
    service = settings.service
    host = arguments.host or service.host
    tokens = arguments.tokens or service.tokens
    ledger = ledger_dsn(arguments, settings)
    if not arguments.scrape and not servers_of(arguments, settings):
        raise UsageError("nothing to collect from: give --prometheus URL (or SLO_PROMETHEUS_URL) or --scrape URL")
    return _Plan(
        host=host,
        port=check_port(arguments.port, "--port") if arguments.port is not None else service.port,
        plain_port=_plain_port(arguments, settings),
        record=record_dsn(arguments.record, settings, ledger),
        retention=timedelta(seconds=settings.record_retention_seconds),
        child=_child(arguments, settings, ledger),
        tokens=tokens,
        anonymous=_anonymous(arguments, settings, host, has_tokens=tokens is not None),
        tls=_tls_files(arguments, settings),
        rules=Rules(
            allowed_hosts=(
                *LOOPBACK_HOSTS,
                host,
                socket.gethostname(),
                *service.allowed_hosts,
                *arguments.allowed_hosts,
            ),
            writes_per_second=service.writes_per_second,
            max_override=timedelta(seconds=service.max_override_seconds),
            access_log=arguments.access_log or service.access_log,
        ),
    )


def _plain_port(arguments: Namespace, settings: Settings) -> int | None:
    if arguments.plain_port is None:
        chosen = settings.service.plain_port
    else:
        chosen = check_port(arguments.plain_port, "--plain-port")
    if chosen is not None and not (arguments.tls_cert or settings.service.tls_cert):
        raise UsageError("--plain-port: it is plain already: give --tls-cert and --tls-key, or --port alone")
    return chosen


def _child(arguments: Namespace, settings: Settings, ledger: str) -> ChildConfig:
    return ChildConfig(
        files=tuple(str(file) for file in chosen_files(arguments.files, settings)),
        ledger=ledger,
        settings=str(arguments.settings) if arguments.settings else None,
        prometheus=arguments.prometheus,
        scrape=tuple(arguments.scrape),
        scrape_interval=arguments.scrape_interval,
        timeout=arguments.timeout,
        notice_webhook=arguments.notice_webhook,
        alertmanager_url=arguments.alertmanager_url,
    )


def _anonymous(arguments: Namespace, settings: Settings, host: str, *, has_tokens: bool) -> str:
    """The role of callers without a token. Raises UsageError where anybody could reach an open service."""
    chosen = arguments.anonymous or settings.service.anonymous
    if not has_tokens and not is_loopback(host) and not arguments.insecure_open:
        raise UsageError(
            f"--host {host}: others could reach it: give --tokens FILE (`slo token new` makes one), or --insecure-open"
        )
    if chosen is not None:
        return check_anonymous(chosen, "--anonymous")
    return "none" if has_tokens else _ANYBODY


def _tls_files(arguments: Namespace, settings: Settings) -> TLSFiles | None:
    certificate = arguments.tls_cert or settings.service.tls_cert
    key = arguments.tls_key or settings.service.tls_key
    client_ca = arguments.client_ca or settings.service.client_ca
    if (certificate is None) != (key is None):
        raise UsageError("--tls-cert and --tls-key belong together: give both")
    if certificate is None or key is None:
        if client_ca is not None:
            raise UsageError("--client-ca: there are client certificates with TLS alone: give --tls-cert and --tls-key")
        return None
    return TLSFiles(certificate=certificate, key=key, client_ca=client_ca)


COMMANDS: dict[str, Callable[[Namespace], Result]] = {"serve": serve}
