"""The simulated shop behind the whole service: snapshots made in process, a real record, real sockets."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import uvloop

from slo.clock import parse_time
from slo.gate import Gate, WarnLevel
from slo.http.app import create_app
from slo.http.auth import Authentication
from slo.http.protocol import ConnectionLimits
from slo.http.server import listen, make_server, url_of
from slo.http.service import Rules, Service
from slo.http.tls import ReloadingTLS
from slo.http.tokens import add_token, new_token
from slo.ledger.store import Ledger
from slo.record import Record
from slo.serving.publishing import make_snapshot
from slo.serving.snapshot import Snapshot
from slo.source.simulated import simulated_cloudshop
from slo.spec import load_files

AT = parse_time("2026-11-01T00:00:00Z")
"""In the shop's history: latency burns, a quarter of the availability is left."""
_REQUESTS = "sli: {ratio: {bad: 'http_requests_total{status=~\"5..\"}', total: http_requests_total}}"
FILE = f"""\
service: cloudshop
labels: {{team: shop}}
objectives:
  - name: availability
    target: 99.9%
    window: 30d
    group_by: [service]
    {_REQUESTS}
  - name: latency
    target: 95%
    window: 28d
    sli: {{latency: {{histogram: http_request_duration_seconds, threshold: 300ms, unit: seconds}}}}
  - {{name: week, target: 99%, window: 7d, {_REQUESTS}}}
  - {{name: exhausted, target: 99.99%, window: 7d, {_REQUESTS}}}
  - {{name: silent, target: 99%, window: 7d, sli: {{ratio: {{bad: nothing_bad, total: nothing}}}}}}
gates:
  - {{name: open, objectives: [cloudshop/week], min_budget_remaining: 0%, max_data_age: 5m}}
  - {{name: burning, objectives: [cloudshop/latency], max_burn_rate: {{1h: 1}}, max_data_age: 5m}}
  - {{name: spent, objectives: [cloudshop/exhausted], min_budget_remaining: 10%, max_data_age: 5m}}
  - {{name: blind, objectives: [cloudshop/silent], max_data_age: 5m}}
  - {{name: trusting, objectives: [cloudshop/silent], max_data_age: 5m, on_unknown: allow}}
  - {{name: trying, objectives: [cloudshop/exhausted], min_budget_remaining: 10%, max_data_age: 5m}}
  - {{name: warning, objectives: [cloudshop/exhausted], max_data_age: 5m}}
  - {{name: all, objectives: ["cloudshop/*"], min_budget_remaining: 0%, max_data_age: 5m}}
  - name: frozen
    objectives: [cloudshop/week]
    max_data_age: 5m
    freeze: [{{start: 2026-11-01T00:02:00Z, end: 2026-11-01T00:03:00Z, reason: "Sale"}}]
"""


@cache
def snapshot_bytes(minutes_later: int = 0, cycle: int = 1) -> bytes:
    """A cycle of the shop."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "shop.yaml"
        file.write_text(FILE, encoding="utf-8")
        loaded = load_files([file])
    spec = replace(loaded, gates=tuple(_finished(gate) for gate in loaded.gates))
    at = AT + timedelta(minutes=minutes_later)
    return make_snapshot(
        spec,
        simulated_cloudshop(at=at),
        at=at,
        cycle=cycle,
        made_at=at,
        next_cycle_at=at + timedelta(minutes=1),
    )


def _finished(gate: Gate) -> Gate:
    if gate.name == "trying":
        return replace(gate, dry_run=True)
    if gate.name == "warning":
        return replace(gate, warn=WarnLevel(min_budget_remaining_ratio=Decimal("0.1")))
    return gate


class Clock:
    """Stands still until it is set."""

    def __init__(self, at: datetime = AT) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


@dataclass
class Shop:
    """The service while it runs. call: runs a coroutine in its loop, and gives what it gives."""

    url: str
    service: Service
    record: Record
    clock: Clock
    call: Callable[[Awaitable[Any]], Any]
    tokens: dict[str, str]

    def client(self, role: str = "") -> httpx.Client:
        """A client with the token of a role, or without one."""
        headers = {"Authorization": f"Bearer {self.tokens[role]}"} if role else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60)

    def publish(self, minutes_later: int = 0, cycle: int = 1) -> None:
        self.call(self.service.publish(Snapshot.open(snapshot_bytes(minutes_later, cycle))))

    def tick(self) -> None:
        self.call(self.service.tick())


@contextmanager
def running_shop(
    folder: Path,
    *,
    anonymous: str = "admin",
    with_tokens: bool = False,
    rules: Rules | None = None,
    tls: ReloadingTLS | None = None,
    limits: ConnectionLimits | None = None,
    published: bool = True,
) -> Iterator[Shop]:
    """The service on a free port of the loopback. It ticks when it is told to."""
    tokens = {}
    if with_tokens:
        for role in ("read", "decide", "guard", "override", "admin"):
            tokens[role], token = new_token(f"the-{role}", role)
            add_token(folder / "tokens", token)
    clock, loop, ledger = Clock(), uvloop.new_event_loop(), str(folder / "slo.db")
    Ledger(ledger, create=True).close()
    listener = listen("127.0.0.1", 0)
    with Record(str(folder / "record.db"), create=True, now=clock) as record:
        authentication = Authentication(folder / "tokens" if with_tokens else None, anonymous=anonymous, now=clock)

        async def make() -> Service:
            return Service(record, authentication, rules=rules, tls=tls, now=clock, ledger=ledger)

        service = loop.run_until_complete(make())
        server = make_server(create_app(service), tls=tls, limits=limits, drain_seconds=5)
        thread = threading.Thread(target=loop.run_until_complete, args=(server.serve(sockets=[listener]),))
        thread.start()

        def call(coroutine: Any) -> Any:
            return asyncio.run_coroutine_threadsafe(coroutine, loop).result(60)

        shop = Shop(url_of(listener, tls=tls is not None).rstrip("/"), service, record, clock, call, tokens)
        try:
            if published:
                shop.publish()
            yield shop
        finally:
            server.should_exit = True
            thread.join(30)
            assert not thread.is_alive()
            loop.close()
