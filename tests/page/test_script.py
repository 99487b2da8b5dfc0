"""What the page gains with a script: the reader's zone, a filter as one types, figures that renew themselves."""

from __future__ import annotations

import re
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from slo.serving.views import CollectorStatus
from tests.page.conftest import Opened, served
from tests.page.shop import NOW, WELL, Shop


@dataclass(frozen=True, slots=True, kw_only=True)
class Growing(Shop):
    """A shop that is a minute older at each look at it."""

    looks: list[int] = field(default_factory=list)

    def now(self) -> datetime:
        self.looks.append(1)
        return NOW + timedelta(minutes=len(self.looks))

    def status(self) -> CollectorStatus | None:
        return replace(WELL, lag_seconds=60.0 * len(self.looks))


def growing(one: Shop) -> Growing:
    return Growing(evaluated=one.evaluated, views=one.views, all_rows=one.all_rows, gates=one.gates)


@pytest.mark.parametrize(
    ("zone", "shown"),
    [("Asia/Kolkata", "1 Nov 2026, 07:44 GMT+5:30"), ("America/New_York", "31 Oct 2026, 22:14 GMT-4")],
)
def test_times_are_in_the_zone_of_the_reader(address: str, opened: Opened, zone: str, shown: str) -> None:
    page = opened(address, timezone_id=zone, locale="en-GB")
    time = page.locator("#fresh time")
    assert time.inner_text() == shown
    assert time.get_attribute("datetime") == "2026-11-01T02:14:00Z"
    assert time.get_attribute("title") == "2026-11-01 02:14 UTC"


def test_the_list_follows_as_one_types_and_the_address_says_what_is_shown(address: str, opened: Opened) -> None:
    page = opened(address)
    field_ = page.get_by_label("Filter")
    field_.press_sequentially("crash")
    names = page.locator("table.rows tbody th a")
    expect(names).to_have_text(["mobile/crash-free"])
    expect(page).to_have_url(f"{address}/?q=crash")
    expect(field_).to_be_focused()
    page.reload()
    expect(names).to_have_text(["mobile/crash-free"])
    page.get_by_label("Filter").fill("")
    expect(names).to_have_count(13)
    page.get_by_label("State", exact=True).select_option("no_data")
    expect(names).to_have_text(["edge/reachable"])
    expect(page).to_have_url(f"{address}/?state=no_data")


def renew(page: Page) -> None:
    """What happens every half a minute, at once."""
    page.evaluate("renew()")


def test_renewing_keeps_the_place_the_focus_and_what_is_unfolded(opened: Opened, known_shop: Shop) -> None:
    with served(growing(known_shop)) as address:
        page = opened(address, viewport={"width": 1280, "height": 500})
        page.get_by_text("more reason", exact=False).first.click()
        link = page.get_by_role("link", name="mobile/crash-free")
        link.focus()
        before = page.evaluate("scrollY")
        assert before > 0
        age = page.locator("#fresh b").inner_text()
        # A row changes, too: its focus must be found again in the new list.
        page.evaluate("served.set('results', '')")
        renew(page)
        expect(page.locator("#fresh b")).not_to_have_text(age)
        assert page.evaluate("document.activeElement.textContent") == "mobile/crash-free"
        assert page.evaluate("scrollY") == before
        assert page.locator("#gates details[open]").count() == 1
        assert not page.locator("#results time").filter(has_text="UTC").count()


def test_a_service_that_cannot_be_reached_is_told_until_it_is_back(opened: Opened, known_shop: Shop) -> None:
    with ExitStack() as stack:
        address = stack.enter_context(served(known_shop))
        page = opened(address, complaining=True)
        page.context.set_offline(True)
        renew(page)
        lost = page.get_by_role("alert")
        expect(lost).to_have_text(re.compile("Not renewed .* the service cannot be reached. These figures are old."))
        page.context.set_offline(False)
        renew(page)
        expect(lost).to_have_count(0)


def test_renewing_can_be_paused(opened: Opened, known_shop: Shop) -> None:
    data = growing(known_shop)
    with served(data) as address:
        page = opened(address, complaining=True)
        page.clock.install()
        page.reload()
        page.wait_for_selector("html[data-ready]", state="attached")
        with page.expect_response(address + "/"):
            page.clock.fast_forward(31_000)
        page.get_by_role("button", name="Pause renewing").click()
        seen = len(data.looks)
        page.clock.fast_forward(120_000)
        with page.expect_response(address + "/"):
            page.get_by_role("button", name="Renew figures").click()
        assert len(data.looks) == seen + 1


def test_the_burn_down_is_read_with_a_pointer(address: str, opened: Opened) -> None:
    page = opened(f"{address}/slo/payments/authorise")
    box = page.locator(".plot svg").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] - 1, box["y"] + 50)
    expect(page.locator("figcaption output")).to_have_text(re.compile(r"1 Nov 2026, 02:14 UTC: -19\.\d% left"))
    page.mouse.move(5, 5)
    expect(page.locator("figcaption output")).to_have_text("")


def test_a_search_that_finds_nothing_is_answered_in_place(address: str, opened: Opened) -> None:
    page = opened(address)
    page.get_by_label("Filter").fill("zzz")
    expect(page.locator("#results")).to_contain_text("No objective matches “zzz”")
    page.get_by_role("link", name="Show all 13").click()
    expect(page.locator("table.rows tbody th a")).to_have_count(13)
