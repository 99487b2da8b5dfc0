"""Whether memory grows: `python -m bench.soak` runs the service for a simulated day, and a million requests.

Three processes, as in earnest: the collector's, which publishes a snapshot after every minute of a simulated clock
over a ledger of its own; the service; and this one, which asks without a pause, for all that there is to be asked. Each
objective has a bad time now and then, so that decisions change and are recorded. Memory is what is resident of each
process (VmRSS of /proc/PID/status), and how much of that is anonymous; before is the median of 50 cycles from
--warm-up on, after is that of the last 50. Exits with 1 where one grew by more than 5 %, or an answer was another than
it should be.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import uvloop

from bench import soaked
from slo.objective import Objective

_CONNECTIONS = 8
_MEASURED_CYCLES = 50
_MOST_GROWTH = 0.05
_BODY = b'{"name": "checkout", "namespace": "prod", "phase": "Progressing", "metadata": {"try": "1"}}'


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--cycles", type=int, default=1440, metavar="N")
    parser.add_argument("--requests", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--objectives", type=int, default=20, metavar="N")
    parser.add_argument("--warm-up", type=int, default=100, metavar="CYCLES", help="before memory is measured (100)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        soaked.build(options.objectives, folder)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_soak(options, folder))


async def _soak(options: argparse.Namespace, folder: str) -> int:
    begun = time.monotonic()
    collector = await _start("collector", folder, options.objectives)
    service = await _start("service", folder, options.objectives)
    try:
        await _publish(service, await _told(collector))  # of what the ledger holds
        url = (await _told(service))["url"]
        asking = _Asking(url, _requests(url, soaked.objectives(options.objectives)))
        await asking.connect()
        memory: dict[str, list[tuple[int, int]]] = {"collector": [], "service": []}
        for cycle in range(options.cycles):
            due = options.requests * (cycle + 1) // options.cycles
            await asyncio.gather(asking.ask(due - asking.sent), _cycle(collector, service))
            for name, process in (("collector", collector), ("service", service)):
                memory[name].append(_memory(process.pid))
            if cycle % 60 == 59:
                _print_progress(cycle + 1, asking, memory, time.monotonic() - begun)
        asking.close()
    finally:
        for process in (collector, service):
            process.terminate()
            await process.wait()
    return _conclusion(memory, asking, options.warm_up)


async def _start(name: str, folder: str, objectives: int) -> Process:
    command = ["-m", "bench.soaked", name, folder, str(objectives)]
    return await asyncio.create_subprocess_exec(sys.executable, *command, stdin=PIPE, stdout=PIPE)


async def _told(process: Process) -> dict[str, Any]:
    assert process.stdout
    told: dict[str, Any] = json.loads(await process.stdout.readline())
    return told


async def _publish(service: Process, snapshot: dict[str, Any]) -> None:
    assert service.stdin
    service.stdin.write(json.dumps(snapshot).encode() + b"\n")


async def _cycle(collector: Process, service: Process) -> None:
    assert collector.stdin
    collector.stdin.write(b"\n")
    await _publish(service, await _told(collector))
    await _told(service)


def _requests(url: str, objectives: Sequence[Objective]) -> list[bytes]:
    """What is asked for, in turn: mostly decisions."""
    rng, host = random.Random(1), url.removeprefix("http://")
    ids = [one.id for one in objectives]

    def get(path: str, *headers: str) -> bytes:
        return "\r\n".join([f"GET {path} HTTP/1.1", f"Host: {host}", *headers, "", ""]).encode()

    def post() -> bytes:
        head = f"POST /gates/deploy HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        return f"{head}Content-Length: {len(_BODY)}\r\n\r\n".encode() + _BODY

    found = []
    for _ in range(100):
        found += [get(f"/budget/check?gate={rng.choice(('deploy', 'chaos'))}") for _ in range(40)]
        found += [get(f"/gates/{rng.choice(('deploy', 'chaos'))}") for _ in range(30)]
        found += [get(f"/gates/deploy?slo={rng.choice(ids)}") for _ in range(10)]
        found += [get(f"/budget/{rng.choice(ids)}") for _ in range(13)]
        found += [post() for _ in range(5)]
        found += [get("/readyz"), get("/budget", "Accept-Encoding: gzip")]
    for _ in range(10):
        found += [get("/metrics"), get("/metrics", "Accept-Encoding: gzip"), get("/"), get(f"/slo/{rng.choice(ids)}")]
    rng.shuffle(found)
    return found


class _Asking:
    """Several connections that ask, one request after the other on each."""

    def __init__(self, url: str, requests: Sequence[bytes]) -> None:
        self._address = url.removeprefix("http://").split(":")
        self._requests = requests
        self._idle: list[_Connection] = []
        self._until = 0
        self._done = asyncio.Event()
        self.sent = 0
        self.statuses: Counter[str] = Counter()

    async def connect(self) -> None:
        host, port = self._address
        for _ in range(_CONNECTIONS):
            await asyncio.get_running_loop().create_connection(lambda: _Connection(self), host, int(port))

    async def ask(self, count: int) -> None:
        """So many, until all are answered."""
        self._until = self.sent + count
        self._done.clear()
        for connection in [self._idle.pop() for _ in range(len(self._idle))]:
            self.next(connection)
        await self._done.wait()

    def close(self) -> None:
        """What is lost from now on is not counted."""
        for connection in self._idle:
            connection.close()

    def next(self, connection: _Connection) -> None:
        if self.sent < self._until:
            connection.ask(self._requests[self.sent % len(self._requests)])
            self.sent += 1
        else:
            self._idle.append(connection)
            if len(self._idle) == _CONNECTIONS:
                self._done.set()


class _Connection(asyncio.Protocol):
    def __init__(self, asking: _Asking) -> None:
        self._asking = asking
        self._received = b""
        self._is_closed = False

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._asking.next(self)

    def ask(self, request: bytes) -> None:
        self._method = request.split(b" ", 1)[0].decode()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head) if end else None
        if length is not None and len(body) >= int(length[1]):
            self._received = b""
            self._asking.statuses[f"{self._method} {head[9:12].decode()}"] += 1
            self._asking.next(self)

    def close(self) -> None:
        self._is_closed = True
        self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if not self._is_closed:
            self._asking.statuses["connections lost"] += 1


def _memory(pid: int) -> tuple[int, int]:
    """KB that are resident, and those of them that are anonymous."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    resident, anonymous = (re.search(rf"^{name}:\s+(\d+) kB", text, re.M) for name in ("VmRSS", "RssAnon"))
    assert resident
    assert anonymous
    return int(resident[1]), int(anonymous[1])


def _print_progress(cycles: int, asking: _Asking, memory: dict[str, list[tuple[int, int]]], seconds: float) -> None:
    now = ", ".join(f"{name} {found[-1][0] / 1000:.1f} MB" for name, found in memory.items())
    print(f"{cycles} cycles, {asking.sent} requests, {seconds:.0f} s: {now}", file=sys.stderr, flush=True)


def _conclusion(memory: dict[str, list[tuple[int, int]]], asking: _Asking, warm_up: int) -> int:
    print("| process | resident before | after | growth | anonymous before | after | growth |")
    print("|---|---|---|---|---|---|---|")
    worst = 0.0
    for name, found in memory.items():
        row = f"| {name} |"
        for place in (0, 1):
            before = median(one[place] for one in found[warm_up : warm_up + _MEASURED_CYCLES]) / 1000
            after = median(one[place] for one in found[-_MEASURED_CYCLES:]) / 1000
            worst = max(worst, after / before - 1)
            row += f" {before:.1f} MB | {after:.1f} MB | {(after / before - 1) * 100:+.1f} % |"
        print(row)
    answers = ", ".join(f"{count} {status}" for status, count in sorted(asking.statuses.items()))
    print(f"\nAnswers: {answers}")
    wrong = set(asking.statuses) - {"GET 200", "GET 403", "POST 200", "POST 403"}
    return 1 if worst > _MOST_GROWTH or wrong else 0


if __name__ == "__main__":
    sys.exit(main())
