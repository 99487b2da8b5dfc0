"""How soon the page of many objectives can be used: `python -m bench.page` prints a Markdown table.

Real Chromium, real sockets on one machine, each visit in a fresh profile, rendered for it alone. Rendered: CPU time of
the HTML. Usable: from the start of the navigation until the list is laid out and painted and the script listens;
browser: CPU time of its main thread until then, which tells more on a machine with other work to do. Filter: from the
last key until the list is the one that was asked for; 180 ms of it are the wait for one more key.
`--screenshots FOLDER` makes the pictures of docs/page.md instead.
"""

from __future__ import annotations

import argparse
import gzip
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from random import Random
from statistics import median

from fastapi import FastAPI
from PIL import Image
from playwright.sync_api import Browser

from slo.http.cards import health
from slo.http.overview import render_overview
from slo.http.page import page_routes
from tests.http.serving import serving
from tests.page.shop import Shop, shop
from tests.support.chromium import running_chromium

SIZES = (100, 1000, 10_000)
_WIDE, _PHONE = {"width": 1280, "height": 1000}, {"width": 360, "height": 780}
PICTURES = (
    ("overview-light", "/", {"color_scheme": "light", "viewport": _WIDE}),
    ("overview-dark", "/", {"color_scheme": "dark", "viewport": _WIDE}),
    (
        "objective-light",
        "/slo/payments/authorise",
        {"color_scheme": "light", "viewport": {"width": 1280, "height": 1000}},
    ),
    ("objective-dark", "/slo/shop/availability", {"color_scheme": "dark", "viewport": _WIDE}),
    ("phone-overview", "/", {"color_scheme": "light", "viewport": _PHONE}),
    ("phone-objective", "/slo/shop/latency", {"color_scheme": "dark", "viewport": _PHONE}),
)
"""By name: where, and how it is looked at."""

_PAINTED = "() => new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(performance.now()))))"
_FILTERED = """(count) => new Promise((done) => {
  const field = document.getElementById("q");
  field.value = "search";
  const begun = performance.now();
  new MutationObserver(() => {
    if (document.querySelectorAll("tbody tr").length === count) {
      requestAnimationFrame(() => setTimeout(() => done(performance.now() - begun)));
    }
  }).observe(document.getElementById("results"), { childList: true });
  field.dispatchEvent(new Event("input", { bubbles: true }));
})"""


def many(one: Shop, count: int) -> Shop:
    """So many objectives with about the figures of one shop, each with a name of its own."""
    wholes = [row for row in one.all_rows if not row.group]
    rows, draw = [], Random(1)
    for number in range(count):
        row = wholes[number % len(wholes)]
        service = f"{row.service}-{number:05d}"
        drift = draw.uniform(-0.1, 0)
        rows.append(
            replace(
                row,
                slo=f"{service}/{row.slo.partition('/')[2]}",
                service=service,
                remaining_ratio=None if row.remaining_ratio is None else row.remaining_ratio + drift,
                sparkline=tuple(None if one is None else one + drift * draw.random() for one in row.sparkline),
            )
        )
    return replace(one, all_rows=tuple(rows))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.page", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="OBJECTIVES")
    parser.add_argument("--visits", type=int, default=7)
    parser.add_argument("--screenshots", type=Path, metavar="FOLDER")
    options = parser.parse_args(arguments)
    known = shop()
    with running_chromium() as browser:
        if options.screenshots:
            take_pictures(browser, known, options.screenshots)
            return 0
        print("| objectives | HTML | gzip | rendered | browser | usable: median, worst | filter |")
        print("|---|---|---|---|---|---|---|", flush=True)
        for size in options.sizes:
            print(measure(browser, many(known, size), size, options.visits), flush=True)
    return 0


def measure(browser: Browser, data: Shop, size: int, visits: int) -> str:
    html, rendered = _rendered(data)
    found = sum("search" in row.slo for row in data.all_rows)
    usable, busy, filtered = [], [], []
    app = FastAPI(openapi_url=None)
    app.include_router(page_routes(data))
    with serving(app) as address:
        for visit in range(visits):
            context = browser.new_context(viewport={"width": 1280, "height": 900})
            page = context.new_page()
            session = context.new_cdp_session(page)
            session.send("Performance.enable", {"timeDomain": "threadTicks"})
            page.goto(f"{address}/?page=1{'&groups=1' * (visit % 2)}", wait_until="commit")
            page.wait_for_selector("html[data-ready]", state="attached")
            usable.append(page.evaluate(_PAINTED))
            figures = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
            busy.append(figures["ThreadTime"] * 1000)
            filtered.append(page.evaluate(_FILTERED, found))
            context.close()
    size_kb, packed_kb = len(html) / 1000, len(gzip.compress(html, 1)) / 1000
    return (
        f"| {size:,} | {size_kb:.0f} kB | {packed_kb:.0f} kB | {rendered * 1000:.0f} ms"
        f" | {median(busy):.0f} ms | {median(usable):.0f} ms, {max(usable):.0f} ms | {median(filtered):.0f} ms |"
    )


def _rendered(data: Shop) -> tuple[bytes, float]:
    """The document, and the CPU seconds that it took once the templates were compiled."""
    shown = health(data.status(), data.figures_at(), data.now())
    render_overview(data.rows(), data.decisions(None), shown)
    begun = time.process_time()
    html = render_overview(data.rows(), data.decisions(None), shown).encode()
    return html, time.process_time() - begun


def take_pictures(browser: Browser, known: Shop, folder: Path) -> None:
    """Each page as a reader in Paris sees it. The letters are those of the machine."""
    folder.mkdir(parents=True, exist_ok=True)
    app = FastAPI(openapi_url=None)
    app.include_router(page_routes(known))
    with serving(app) as address:
        for name, path, looks in PICTURES:
            context = browser.new_context(timezone_id="Europe/Paris", locale="en-GB", **looks)  # type: ignore[arg-type]  # options by name
            page = context.new_page()
            page.goto(address + path)
            page.wait_for_selector("html[data-ready]", state="attached")
            taken = page.screenshot(full_page=not name.startswith("phone"))
            # A page has few colours: a palette makes the file a third as large.
            Image.open(BytesIO(taken)).convert("RGB").quantize(128).save(folder / f"{name}.png", optimize=True)
            context.close()


if __name__ == "__main__":
    sys.exit(main())
