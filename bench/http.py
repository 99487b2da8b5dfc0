"""How fast the service answers: `python -m bench.http` prints Markdown tables.

10,000 objectives in memory behind two gates that ask about all of them. The service is a process on the first core, who
asks is on the second: wrk for how much it can, and a load of a fixed rate for how long it takes, counted from when a
request should have been sent, so that a service that stalls cannot hide it. It also prints how long a core that has
nothing to do is kept waiting: what is slower than that is ours, the rest is the machine's. The last row is of seconds
in which the service takes over a snapshot, as it does once a minute: all verdicts are decoded and folded anew.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import uvloop

from bench.scale import objectives
from slo.events import EventSeries
from slo.objective import Objective
from slo.source.protocol import Measured, Progress
from slo.spec import Spec
from slo.window import Interval, minute_of

GATES = """\
service: gates
objectives: []
gates:
  - {name: deploy, objectives: ["*/*"], min_budget_remaining: 0%, max_burn_rate: {1h: 14.4}, max_data_age: 1d}
  - {name: chaos, objectives: ["*/*"], min_budget_remaining: 25%, max_burn_rate: {1h: 1}, max_data_age: 1d}
"""
_CONNECTIONS = 16


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.http", description=__doc__)
    parser.add_argument("--objectives", type=int, default=10_000, metavar="N")
    parser.add_argument("--seconds", type=float, default=10.0, metavar="S", help="of each measurement (10)")
    parser.add_argument("--rate", type=int, default=1000, metavar="PER_SECOND", help="of the fixed load (1000)")
    parser.add_argument("--serve", action="store_true", help="be the service")
    options = parser.parse_args(arguments)
    if options.serve:
        asyncio.run(_serve(options.objectives))
        return 0
    command = [sys.executable, "-m", "bench.http", "--serve", "--objectives", str(options.objectives)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as service:
        assert service.stdout
        url = service.stdout.readline().strip()
        _pin(service.pid, 0)
        _pin(0, 1)
        try:
            _print_all(url, service, options.seconds, options.rate)
        finally:
            service.terminate()
    return 0


def _print_all(url: str, service: subprocess.Popen[str], seconds: float, rate: int) -> None:
    pid = service.pid
    stalls = _stalls_ms(seconds)
    print(f"Idle core kept waiting: p99 {_percentile(stalls, 99):.2f} ms, longest {max(stalls):.1f} ms\n")
    print("| asked | at most (wrk) | CPU a request | p50 | p99 | p99.9 | load |")
    print("|---|---|---|---|---|---|---|", flush=True)
    first = objectives(1)[0].id
    for path in (
        "/budget/check?gate=deploy",
        "/gates/chaos",
        f"/gates/deploy?slo={first}",
        f"/budget/{first}",
    ):
        before = _cpu_seconds(pid)
        most = _wrk(url + path, seconds)
        cpu_us = (_cpu_seconds(pid) - before) / most[0] * 1e6 if most else None
        took = _run(_load(url, f"GET {path}", b"", rate, seconds))
        _print_row(f"GET {path}", most, cpu_us, took, rate)
    took = _run(_load(url, "POST /gates/deploy", b'{"name": "podinfo"}', 100, seconds))
    _print_row("POST /gates/deploy, recorded", None, None, took, 100)
    _print_row("GET /gates/chaos, a snapshot taken over", None, None, _while_published(url, service, rate), rate)
    whole = [_whole_ms(url) for _ in range(15)]
    print(f"\nGET /budget of all, gzip: median {median(whole):.0f} ms, longest {max(whole):.0f} ms")


def _print_row(
    name: str, most: tuple[int, float] | None, cpu_us: float | None, took: Sequence[float], rate: int
) -> None:
    p50, p99, p999 = (_percentile(took, share) for share in (50, 99, 99.9))
    told = f"{most[1]:.0f}/s" if most else "-"
    cost = f"{cpu_us:.0f} us" if cpu_us else "-"
    print(f"| {name} | {told} | {cost} | {p50:.2f} ms | {p99:.2f} ms | {p999:.2f} ms | {rate}/s |", flush=True)


def _while_published(url: str, service: subprocess.Popen[str], rate: int) -> list[float]:
    """Milliseconds of each request of five seconds, in each of which a snapshot is taken over."""
    took: list[float] = []
    for _ in range(5):
        assert service.stdin
        service.stdin.write("publish\n")
        service.stdin.flush()
        took += _run(_load(url, "GET /gates/chaos", b"", rate, 1.0))
    return took


def _run(coroutine: Any) -> Any:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(coroutine)


class _Connection(asyncio.Protocol):
    """One request after the other, over one connection."""

    def __init__(self, request: bytes, took: list[float], free: list[_Connection]) -> None:
        self._request, self._took, self._free = request, took, free
        self._received = b""
        self._due = 0.0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._free.append(self)

    def ask(self, due: float) -> None:
        self._due, self._received = due, b""
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end:
            return
        length = re.search(rb"content-length: (\d+)", head)
        if length is None or len(body) >= int(length[1]):
            self._took.append((time.perf_counter() - self._due) * 1000)
            self._free.append(self)


async def _load(url: str, line: str, body: bytes, rate: int, seconds: float) -> list[float]:
    """Milliseconds of each request, from when it was due."""
    host = url.removeprefix("http://")
    name, port = host.split(":")
    extra = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
    request = f"{line} HTTP/1.1\r\nHost: {host}\r\n{extra}\r\n".encode() + body
    took: list[float] = []
    free: list[_Connection] = []
    loop = asyncio.get_running_loop()
    for _ in range(_CONNECTIONS):
        await loop.create_connection(lambda: _Connection(request, took, free), name, int(port))
    begun, sent, late = time.perf_counter(), 0, []
    while (now := time.perf_counter()) - begun < seconds:
        while begun + sent / rate <= now:
            late.append(begun + sent / rate)
            sent += 1
        while late and free:
            free.pop(0).ask(late.pop(0))
        await asyncio.sleep(0.0002)
    await asyncio.sleep(0.5)
    return took


def _cpu_seconds(pid: int) -> float:
    """CPU time of a process so far, which others on its core take nothing from."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _wrk(url: str, seconds: float) -> tuple[int, float] | None:
    """Requests answered, and how many a second."""
    wrk = shutil.which("wrk")
    if wrk is None:
        return None
    command = [wrk, "-t1", f"-c{_CONNECTIONS}", f"-d{max(1, round(seconds))}s", url]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    total = re.search(r"(\d+) requests in", done.stdout)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    assert total, done.stdout
    assert rate
    return int(total[1]), float(rate[1])


def _whole_ms(url: str) -> float:
    import http.client

    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
    begun = time.perf_counter()
    connection.request("GET", "/budget", headers={"Accept-Encoding": "gzip"})
    connection.getresponse().read()
    took = (time.perf_counter() - begun) * 1000
    connection.close()
    return took


def _stalls_ms(seconds: float) -> list[float]:
    """How much longer than asked a sleep of a millisecond takes."""
    found, end = [], time.perf_counter() + seconds
    while (begun := time.perf_counter()) < end:
        time.sleep(0.001)
        found.append((time.perf_counter() - begun) * 1000 - 1)
    return found


def _percentile(values: Sequence[float], share: float) -> float:
    return float(np.percentile(values, share)) if values else float("nan")


def _pin(pid: int, core: int) -> None:
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(pid, {cores[min(core, len(cores) - 1)]} if len(cores) > 1 else cores)


async def _serve(count: int) -> None:
    """The service in this process; ends when it is terminated."""
    import gc

    from slo.clock import utc_now
    from slo.http.app import create_app
    from slo.http.auth import Authentication
    from slo.http.server import listen, make_server, url_of
    from slo.http.service import Rules, Service
    from slo.record import Record
    from slo.serving.snapshot import Snapshot

    data = _snapshot(count)
    sys.setswitchinterval(0.0005)  # as `slo serve` does
    listener = listen("127.0.0.1", 0)
    with tempfile.TemporaryDirectory() as folder, Record(str(Path(folder) / "record.db"), create=True) as record:
        authentication = Authentication(None, anonymous="admin", now=utc_now)
        service = Service(record, authentication, rules=Rules(writes_per_second=1e6))
        await service.publish(Snapshot.open(data))
        gc.collect()
        gc.freeze()
        server = make_server(create_app(service))
        ticking = asyncio.create_task(service.run())
        orders = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
        publishing = asyncio.create_task(_publish_at_each(orders, lambda: service.publish(Snapshot.open(data))))
        print(url_of(listener, tls=False).rstrip("/"), flush=True)
        await server.serve(sockets=[listener])
        ticking.cancel()
        publishing.cancel()


async def _publish_at_each(orders: asyncio.StreamReader, publish: Callable[[], Awaitable[None]]) -> None:
    while await orders.readline():
        await publish()


class _Same:
    """A source that has the same two days of events for every objective."""

    def __init__(self, at_minute: int) -> None:
        rng = np.random.default_rng(0)
        minutes = 2 * 1440
        bad = rng.binomial(600, 0.0002, minutes)
        total, covered = np.full(minutes, 600.0), np.ones(minutes)
        self._events = EventSeries.from_minutes(at_minute - minutes, bad.astype(float), total, covered)

    def events(
        self, asked: Sequence[Objective], intervals: Sequence[Interval], progress: Progress
    ) -> Mapping[str, Measured]:
        return {one.id: Measured(groups={(): self._events}) for one in asked}


def _snapshot(count: int) -> bytes:
    from slo.serving.publishing import make_snapshot
    from slo.spec import load_files

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "gates.yaml"
        file.write_text(GATES)
        gates = load_files([file]).gates
    at = datetime.now(UTC)
    source: Any = _Same(minute_of(at))
    spec = Spec(tuple(objectives(count)), gates)
    return make_snapshot(spec, source, at=at, made_at=at, next_cycle_at=at + timedelta(minutes=1))


if __name__ == "__main__":
    sys.exit(main())
