"""Who can use the page: by ear, by keyboard, on a phone, in the dark, with little contrast in their sight."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from playwright.sync_api import Page

from tests.page.conftest import NO_SCRIPT, Opened, served
from tests.page.shop import Shop

PAGES = ["/", "/slo/shop/availability", "/slo/payments/authorise", "/slo/edge/reachable"]

CONTRASTS = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const luminance = ([r, g, b]) => {
    const linear = [r, g, b].map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const ground = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = rgba(getComputedStyle(one).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255, 255];
  };
  const poor = [];
  let seen = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.textContent.trim() || !element.checkVisibility() || element.closest("svg, option")) continue;
    seen += 1;
    const [ink, under] = [luminance(rgba(getComputedStyle(element).color)), luminance(ground(element))];
    const ratio = (Math.max(ink, under) + 0.05) / (Math.min(ink, under) + 0.05);
    if (ratio < 4.5) poor.push(`${node.textContent.trim().slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return [seen, poor];
}"""
"""Every visible text whose contrast with what is under it is less than WCAG 2.2 AA demands (criterion 1.4.3)."""

SPILLS = """() => {
  const spills = [];
  if (document.documentElement.scrollWidth > innerWidth) spills.push(`page: ${document.documentElement.scrollWidth}`);
  for (const cell of document.querySelectorAll("td, th, dd, dt, h1, h3, button, .gate > *, .states a")) {
    const box = cell.getBoundingClientRect();
    const range = document.createRange();
    range.selectNodeContents(cell);
    for (const part of range.getClientRects()) {
      if (part.width > 1 && (part.right > box.right + 1 || part.left < box.left - 1)) {
        if (!cell.querySelector("svg.bar")) spills.push(cell.textContent.trim().slice(0, 40));
      }
    }
  }
  return spills;
}"""
"""Whatever is wider than its place. A bar may reach to the left of its cell: there it tells what is overspent."""


@pytest.mark.parametrize("path", PAGES)
def test_every_text_has_contrast(address: str, opened: Opened, path: str) -> None:
    page = opened(address + path)
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    grounds = set()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        seen, poor = page.evaluate(CONTRASTS)
        assert seen > 50
        assert (scheme, poor) == (scheme, [])
        grounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(grounds) == 2


@pytest.mark.parametrize("path", PAGES[:3])
def test_nothing_is_wider_than_its_place(address: str, opened: Opened, path: str) -> None:
    page = opened(address + path)
    for width in (320, 360, 768, 1024, 1216, 1280, 1920):
        page.set_viewport_size({"width": width, "height": 800})
        assert (width, page.evaluate(SPILLS)) == (width, [])


OVERLAPS = """() => {
  const boxes = [...document.querySelectorAll(".plot .x span")]
    .filter((one) => one.checkVisibility({ visibilityProperty: true })).map((one) => one.getBoundingClientRect());
  return boxes.slice(1).filter((box, number) => box.left < boxes[number].right).length;
}"""


@pytest.mark.parametrize("minutes", [90, 1440, 7 * 1440], ids=["90 minutes", "a day", "a week"])
def test_labels_of_the_burn_down_do_not_touch(known_shop: Shop, opened: Opened, minutes: int) -> None:
    view = known_shop.views["shop/latency"]
    end = view.period[1]
    view = replace(view, period=(end - minutes, end), burn_down=view.burn_down[-3:])
    with served(replace(known_shop, views={"shop/latency": view}, evaluated=())) as address:
        for looks in ({"locale": "en-US"}, NO_SCRIPT):
            page = opened(f"{address}/slo/shop/latency", **looks)
            for width in (320, 360, 800, 970, 1280):
                page.set_viewport_size({"width": width, "height": 800})
                assert page.locator(".plot .x li").count() == 7
                assert (width, page.evaluate(OVERLAPS)) == (width, 0)


@pytest.mark.parametrize("width", [360, 1280])
def test_a_screen_reader_meets_a_table_whose_rows_have_names(address: str, opened: Opened, width: int) -> None:
    """Also where style lays its rows out as cards."""
    page = opened(address, viewport={"width": width, "height": 800}, **NO_SCRIPT)
    table = page.get_by_role("table", name="13 objectives, worst first")
    assert table.get_by_role("columnheader").all_inner_texts()[:3] == ["State", "Objective", "Availability"]
    assert table.get_by_role("rowheader").count() == 13
    assert table.get_by_role("row").count() == 14
    assert '- row "exhausted payments/authorise 99.95% over 30d' in page.locator("table.rows").aria_snapshot()
    assert page.locator("th[aria-sort=ascending]").all_inner_texts() == ["State"]


@pytest.mark.parametrize("path", PAGES)
def test_landmarks_and_headings_lead_through_the_page(address: str, opened: Opened, path: str) -> None:
    page = opened(address + path)
    assert page.get_by_role("main").count() == 1
    assert page.get_by_role("banner").count() == 1
    assert page.get_by_role("contentinfo").count() == 1
    headings = page.evaluate("[...document.querySelectorAll('h1, h2, h3')].map((one) => one.tagName)")
    levels = [int(heading[1]) for heading in headings]
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert page.evaluate("document.documentElement.lang") == "en"
    unnamed = page.evaluate(
        "[...document.querySelectorAll('a, button, input, select, svg[role=img]')]"
        ".filter((one) => !(one.textContent.trim() || one.ariaLabel || one.labels?.length || one.hidden)).length"
    )
    assert unnamed == 0
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((one) => one.id)")
    assert len(ids) == len(set(ids))


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()"))


def test_the_keyboard_reaches_everything_and_shows_where_it_is(address: str, opened: Opened) -> None:
    page = opened(address)
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to the content"
    assert page.evaluate("document.activeElement.getBoundingClientRect().top") >= 0
    page.keyboard.press("Enter")
    assert focused(page) == "main"
    walked = []
    for _ in range(60):
        page.keyboard.press("Tab")
        walked.append(focused(page))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid", walked[-1]
        if walked[-1] == "mobile/crash-free":
            break
    for reached in ("q", "state", "Apply", "by-worst", "by-burn_6h", "payments/authorise", "mobile/crash-free"):
        assert reached in walked
    page.keyboard.press("Enter")
    page.wait_for_url("**/slo/mobile/crash-free")


def test_states_are_told_by_more_than_colour(address: str, opened: Opened) -> None:
    """Each state has its word, and a mark of its own shape for who cannot tell the colours apart."""
    page = opened(address)
    marks = page.evaluate("""() => [...document.querySelectorAll("tbody tr")].map((row) => {
        const style = getComputedStyle(row.querySelector(".s"), "::before");
        return [row.className, [style.clipPath, style.borderRadius, style.borderStyle, style.height].join()];
    })""")
    shapes = {state: {shape for other, shape in marks if other == state} for state, _ in marks}
    assert len(shapes) == 6
    assert all(len(shape) == 1 for shape in shapes.values())
    assert len({next(iter(shape)) for shape in shapes.values()}) == 6


def test_nothing_moves_for_who_does_not_want_it(address: str, opened: Opened) -> None:
    page = opened(address, reduced_motion="reduce")
    assert page.evaluate("document.getAnimations().length") == 0
    assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"


def test_on_paper_there_are_no_controls(address: str, opened: Opened) -> None:
    page = opened(address)
    page.emulate_media(media="print")
    assert not page.get_by_role("button", name="Apply").is_visible()
    assert not page.locator("#live-switch").is_visible()
    assert page.locator("tbody tr").last.is_visible()
