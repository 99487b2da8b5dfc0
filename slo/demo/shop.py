"""The demo shop: a small CloudShop of three pods with real /metrics, for the objectives in examples/cloudshop.yaml.

python -m slo.demo.shop --port 8000     then scrape the addresses that it prints, as the job `shop`
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from types import FrameType, TracebackType

from slo.demo.pod import Pod
from slo.demo.traffic import TICK_SECONDS, Request, Traffic

SLOW_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class Truth:
    """Requests so far; slow is apart from good and bad."""

    good: int = 0
    bad: int = 0
    slow: int = 0

    @property
    def total(self) -> int:
        return self.good + self.bad

    def after(self, request: Request) -> Truth:
        """The counts with one more request."""
        return Truth(
            self.good + (not request.is_bad), self.bad + request.is_bad, self.slow + (request.seconds > SLOW_SECONDS)
        )


class DemoShop:
    """Runs in real time; with live=False only as far as `advance_to` takes it.

    port: of the first pod, the others take those after it; 0 takes free ones. started_at: seconds since the epoch.
    """

    def __init__(
        self, *, port: int = 0, seed: int = 1, live: bool = True, started_at: float | None = None, pods: int = 3
    ) -> None:
        self.started_at = time.time() if started_at is None else started_at
        self._traffic = Traffic(seed=seed, pods=pods)
        self._lock = threading.Lock()
        self._truth = Truth()
        self._ticks = 0
        self._stopping = threading.Event()
        with ExitStack() as opened:
            self._pods: list[Pod] = []
            for number in range(pods):
                pod = Pod(port=port and port + number, started_at=self.started_at, lock=self._lock)
                opened.callback(pod.close)
                self._pods.append(pod)
            self._opened = opened.pop_all()
        self._thread = threading.Thread(target=self._run, name="demo shop", daemon=True)
        if live:
            self._thread.start()

    @property
    def url(self) -> str:
        """The metrics of the first pod."""
        return self._pods[0].url

    @property
    def urls(self) -> tuple[str, ...]:
        """The metrics of every pod."""
        return tuple(pod.url for pod in self._pods)

    def truth(self) -> Truth:
        """What has happened so far, in all pods."""
        with self._lock:
            return self._truth

    def advance_to(self, elapsed_seconds: float) -> None:
        """Let everything happen that happens until then, counted from the start."""
        while (self._ticks + 1) * TICK_SECONDS <= elapsed_seconds:
            with self._lock:
                for request in self._traffic.requests(self._ticks):
                    self._pods[request.pod].handle(request)
                    self._truth = self._truth.after(request)
                self._ticks += 1

    def close(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self._opened.close()

    def __enter__(self) -> DemoShop:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _run(self) -> None:
        begin = time.monotonic()
        while not self._stopping.wait(TICK_SECONDS):
            self.advance_to(time.monotonic() - begin)


def main() -> int:
    """Run a shop until it is interrupted or terminated."""
    parser = argparse.ArgumentParser(
        prog="python -m slo.demo.shop", description="A small simulated shop with /metrics."
    )
    parser.add_argument("--port", type=int, default=8000, help="of the first of three pods; 0 takes free ones")
    parser.add_argument("--seed", type=int, default=1, help="the same seed, the same requests")
    arguments = parser.parse_args()
    stop = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        stop.set()

    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, on_signal)
    try:
        shop = DemoShop(port=arguments.port, seed=arguments.seed)
    except (OSError, OverflowError, ValueError) as error:
        print(f"the shop cannot open: {error}", file=sys.stderr)
        return 2
    with shop:
        print("\n".join(shop.urls), flush=True)
        stop.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
