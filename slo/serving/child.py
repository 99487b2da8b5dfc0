"""The collector's process, as a child of the service: `python -m slo.serving.child`, spoken to through its pipes.

It ends when its standard input does, that is, when it is told to or when its parent is gone, however that came about.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from argparse import Namespace
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from slo.clock import utc_now
from slo.collecting import Collecting, Pace
from slo.errors import LedgerError, SLOError
from slo.opening import collected_sources, veto_evaluator
from slo.redaction import without_password
from slo.render.text import printable
from slo.serving.files import ObjectiveFiles
from slo.serving.following import Publishing
from slo.serving.messages import RELOAD, Channel, ChildConfig
from slo.serving.notice_posts import destinations
from slo.serving.notices import Notices
from slo.settings import load_settings

_CATCH_UP_SHARE = 1 / 3
"""Of a cycle; the rest is for what is collected already, and for being asked."""
_LAST_SECONDS = 10.0
_LEDGER_AGAIN_SECONDS = 5.0
_KEPT_FILE = "objectives.kept"


def main() -> int:
    """Collect and publish until told to end; the exit code."""
    channel = Channel(_taken_over_stdout())
    with open(0, "rb", buffering=0, closefd=False) as orders:
        config, folder = ChildConfig.from_line(orders.readline())
        try:
            with ExitStack() as stack:
                _Child(config, Path(folder), channel, stack).run(orders.readline)
        except SLOError as error:
            channel.log(printable(without_password(str(error))), level="error")
            return 1
    return 0


class _Child:
    def __init__(self, config: ChildConfig, folder: Path, channel: Channel, stack: ExitStack) -> None:
        settings = load_settings(os.environ, Path(config.settings) if config.settings else None)
        self._channel = channel
        self._ending = threading.Event()
        self._check_seconds = config.check_files_seconds
        self._files = ObjectiveFiles([Path(file) for file in config.files], folder / _KEPT_FILE, now=utc_now)
        arguments = Namespace(
            prometheus=config.prometheus,
            scrape=list(config.scrape),
            scrape_interval=config.scrape_interval,
            timeout=config.timeout,
        )
        webhook = config.notice_webhook or settings.notice_webhook
        places = destinations(webhook, config.alertmanager_url or settings.alertmanager_url)
        notices = stack.enter_context(Notices(places, config.ledger, say=channel.log))
        self._following = Publishing(
            self._files,
            collected_sources(arguments, settings, stack),
            channel,
            folder,
            notices,
            vetoes=veto_evaluator(arguments, settings),
            cycle_seconds=settings.cycle_seconds,
            now=utc_now,
        )
        pace = Pace(
            cycle_seconds=settings.cycle_seconds,
            backfill_minutes=settings.retention_minutes,
            retention_minutes=settings.retention_minutes,
            catch_up_seconds=settings.cycle_seconds * _CATCH_UP_SHARE,
        )
        self._collecting = Collecting(
            config.ledger,
            self._following.plan,
            pace,
            say=lambda message: channel.log(printable(without_password(message))),
            progress=channel.alive,
            now=utc_now,
            follower=self._following,
        )

    def run(self, next_order: Callable[[], bytes]) -> None:
        signal.signal(signal.SIGTERM, lambda *_: self._end())
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # meant for the service, which tells us
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        threading.Thread(target=self._obey, args=(next_order,), daemon=True).start()
        threading.Thread(target=self._watch_files, daemon=True).start()
        while not self._following.read_files() and not self._ending.wait(self._check_seconds):
            self._channel.alive()
        while not self._ending.is_set():
            try:
                self._collecting.run()
            except LedgerError as error:
                self._channel.log(f"{printable(without_password(str(error)))}; trying again")
                self._following.lost(error)
                self._ending.wait(_LEDGER_AGAIN_SECONDS)

    def _end(self) -> None:
        self._ending.set()
        self._collecting.stop()

    def _obey(self, next_order: Callable[[], bytes]) -> None:
        while order := next_order():
            if order == RELOAD:
                self._files.forget()
                self._collecting.wake()
        self._end()
        # Whatever still goes on then would go on without anybody to tell it to.
        threading.Event().wait(_LAST_SECONDS)
        os._exit(1)

    def _watch_files(self) -> None:
        while not self._ending.wait(self._check_seconds):
            if self._files.have_changed():
                self._collecting.wake()


def _taken_over_stdout() -> int:
    """A descriptor for messages alone: whatever is printed goes to standard error from now on."""
    own = os.dup(1)
    os.dup2(2, 1)
    return own


if __name__ == "__main__":
    sys.exit(main())
