"""A real Chromium, the distribution's, driven through Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

CURE = "run scripts/chromium.sh, which `make test` does, or put chromium on PATH"
_ARGUMENTS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync"
).split()


class ChromiumMissingError(Exception):
    """There is no Chromium, and how to get one."""


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """A browser without a window. Raises ChromiumMissingError where there is none to start."""
    program = shutil.which("chromium")
    if program is None:
        raise ChromiumMissingError(f"chromium is not on PATH: {CURE}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()
