"""A browser for the tests of the page, and pages served to it that must neither break a rule nor call anyone else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Page

from slo.http.page import PageData, page_routes
from tests.http.serving import serving
from tests.page.shop import Shop, shop
from tests.support.chromium import ChromiumMissingError, running_chromium

Opened = Callable[..., Page]
NO_SCRIPT = {"java_script_enabled": False}


def _foreign(url: str, origin: str) -> list[str]:
    return [] if url.startswith(origin + "/") else [url]


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """One browser for these tests alone: Playwright's loop must be gone before other tests run theirs."""
    with ExitStack() as running:
        try:
            browser = running.enter_context(running_chromium())
        except ChromiumMissingError as error:
            pytest.fail(f"these tests need a real Chromium: {error}")
        yield browser


@contextmanager
def served(data: PageData) -> Iterator[str]:
    """The address of the page's routes over this data, with nothing around them."""
    app = FastAPI(openapi_url=None)
    app.include_router(page_routes(data))
    with serving(app) as address:
        yield address


@pytest.fixture(scope="package")
def known_shop() -> Shop:
    return shop()


@pytest.fixture(scope="package")
def address(known_shop: Shop) -> Iterator[str]:
    with served(known_shop) as at:
        yield at


@pytest.fixture
def opened(chromium: Browser) -> Iterator[Opened]:
    """Opens an address with the given options of a browser context, and waits for the script where there is one.

    At the end of the test, no page may have complained, met an error of its script, or asked another host for anything.
    """
    complaints: list[str] = []
    with ExitStack() as contexts:

        def open_page(url: str, *, complaining: bool = False, **options: object) -> Page:
            context = chromium.new_context(**{"timezone_id": "UTC", "locale": "en-GB"} | options)  # type: ignore[arg-type]  # options by name
            contexts.callback(context.close)
            context.set_default_timeout(15_000)
            page = context.new_page()
            origin = "/".join(url.split("/")[:3])
            if not complaining:
                page.on("console", lambda message: complaints.append(message.text))
                page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("request", lambda request: complaints.extend(_foreign(request.url, origin)))
            page.goto(url)
            if options.get("java_script_enabled", True):
                page.wait_for_selector("html[data-ready]", state="attached")
            return page

        yield open_page
    assert complaints == []
