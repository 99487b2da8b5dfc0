"""`slo serve` as a process of its own."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

DEADLINE_SECONDS = 120.0
FILE = """\
service: cloudshop
objectives:
  - name: availability
    target: 99%
    window: 1h
    min_coverage: 0%
    min_observed: 0%
    sli: {ratio: {bad: 'http_requests_total{status=~"5.."}', total: http_requests_total}}
gates:
  - {name: deploy, objectives: ["cloudshop/*"], max_data_age: 5m, on_unknown: allow}
"""


@dataclass
class Served:
    process: subprocess.Popen[str]
    url: str
    folder: Path

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(encoding="utf-8")


@contextmanager
def served(
    folder: Path, options: Sequence[str], *, environ: Mapping[str, str] | None = None, ca: Path | None = None
) -> Iterator[Served]:
    """Until the block ends; the service has had its first cycle."""
    command = [sys.executable, "-m", "slo", "serve", "--port", "0", *options]
    settings = {"SLO_CYCLE": "2s", "SLO_RETENTION": "1h", "SLO_LEDGER": str(folder / "slo.db"), **(environ or {})}
    with (folder / "log").open("a", encoding="utf-8") as log:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, text=True, env=os.environ | settings, cwd=folder
        )
    try:
        assert process.stdout
        url = process.stdout.readline().strip().rstrip("/")
        assert url, (folder / "log").read_text(encoding="utf-8")
        running = Served(process, url, folder)
        trusted: ssl.SSLContext | bool = ssl.create_default_context(cafile=str(ca)) if ca else True
        ready = f"{url.replace('0.0.0.0', '127.0.0.1')}/readyz"
        eventually(lambda: httpx.get(ready, timeout=60, verify=trusted).status_code == 200)
        yield running
    finally:
        process.terminate()
        process.wait(60)
        assert process.stdout
        process.stdout.close()


def eventually(holds: Callable[[], bool]) -> None:
    """Waits until it holds."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.1)
