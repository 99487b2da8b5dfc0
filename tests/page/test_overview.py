"""The page of all objectives, in a browser without a script."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page

from slo.serving.views import FilesStatus
from tests.page.conftest import NO_SCRIPT, Opened, served
from tests.page.shop import AT, WELL, Shop, shop


def texts(page: Page, selector: str) -> list[str]:
    return [text.strip() for text in page.locator(selector).all_inner_texts()]


def names(page: Page) -> list[str]:
    return texts(page, "table.rows tbody th a")


def row_of(page: Page, name: str) -> list[str]:
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))
    return [text.strip() for text in row.locator("td, th").all_inner_texts()]


def test_the_worst_comes_first_and_no_data_is_never_ok(address: str, opened: Opened) -> None:
    page = opened(address, **NO_SCRIPT)
    states = texts(page, "table.rows tbody .s")
    assert states[:6] == ["exhausted", "burning", "burning", "too little data", "no data", "no traffic"]
    assert set(states[6:]) == {"ok"}
    assert page.locator("tr.no_data .bar, tr.no_traffic .bar").count() == 0
    assert page.get_by_role("heading", level=1).inner_text() == "5 of 13 objectives need a look"


def test_figures_are_those_of_the_report_rounded_towards_the_danger(
    address: str, opened: Opened, known_shop: Shop
) -> None:
    page = opened(address, **NO_SCRIPT)
    report = next(one.report for one in known_shop.evaluated if one.report.slo == "payments/authorise")
    left, minutes = report.budget.remaining_ratio, report.budget.remaining_minutes
    assert left is not None
    assert minutes is not None
    _, _, availability, budget, shown_minutes, burn_1h, _, _ = row_of(page, "payments/authorise")
    assert float(availability.rstrip("%")) <= 100 * report.counts.good / report.counts.total
    assert left * 100 - 0.1 < float(budget.rstrip("%")) <= left * 100
    assert budget.startswith("-")
    value, unit = shown_minutes.splitlines()
    assert minutes - 0.1 < float(value) <= minutes
    assert unit == "of 21.6 min"
    assert burn_1h == "0.00×"


def test_the_form_filters_by_words_and_by_state(address: str, opened: Opened) -> None:
    page = opened(address, **NO_SCRIPT)
    page.get_by_label("Filter").fill("team=shop latency")
    page.get_by_role("button", name="Apply").click()
    assert names(page) == ["shop/latency"]
    assert page.get_by_label("Filter").input_value() == "team=shop latency"
    page.get_by_label("Filter").fill("")
    page.get_by_label("State", exact=True).select_option("burning")
    page.get_by_role("button", name="Apply").click()
    assert names(page) == ["accounts/login", "shop/latency"]
    page.locator(".states a", has_text="all").click()
    assert len(names(page)) == 13


@pytest.mark.parametrize(
    ("column", "first", "order"),
    [
        ("Budget left", "payments/authorise", "ascending"),
        ("Burn 1 h", "shop/latency", "descending"),
        ("Objective", "accounts/login", "ascending"),
        ("Availability", "shop/latency", "ascending"),
    ],
)
def test_a_heading_sorts_and_once_more_turns_it_round(
    address: str, opened: Opened, column: str, first: str, order: str
) -> None:
    page = opened(address, **NO_SCRIPT)
    page.get_by_role("link", name=column, exact=True).click()
    heading = page.get_by_role("columnheader", name=column)
    assert (names(page)[0], heading.get_attribute("aria-sort")) == (first, order)
    there = names(page)
    page.get_by_role("link", name=column, exact=True).click()
    undefined = [name for name in there if name in ("edge/reachable", "media/thumbnails")]
    if column != "Objective":
        assert there[-2:] == undefined
        assert names(page)[-2:] == undefined, "what is not defined comes last, in either direction"
    assert names(page)[0] != first
    assert heading.get_attribute("aria-sort") != order


def test_filters_survive_sorting(address: str, opened: Opened) -> None:
    page = opened(f"{address}/?q=team%3Dshop", **NO_SCRIPT)
    page.get_by_role("link", name="Burn 1 h", exact=True).click()
    assert names(page) == ["shop/latency", "shop/availability"]
    page.get_by_label("Filter").fill("avail")
    page.get_by_role("button", name="Apply").click()
    assert page.get_by_role("columnheader", name="Burn 1 h").get_attribute("aria-sort") == "descending"


def test_groups_are_rows_where_they_are_asked_for(address: str, opened: Opened) -> None:
    page = opened(f"{address}/?q=checkout", **NO_SCRIPT)
    assert "No objective matches “checkout”" in page.locator("#results").inner_text()
    page.get_by_role("link", name="1 group does").click()
    page.get_by_role("link", name="shop/availability").click()
    assert page.url.endswith("/slo/shop/availability?group=service%3Dcheckout")
    assert "service=checkout" in page.get_by_role("heading", level=1).inner_text()


def test_a_whole_that_is_well_does_not_hide_its_groups(opened: Opened, known_shop: Shop) -> None:
    rows = tuple(
        replace(row, state=next(one.state for one in known_shop.all_rows if one.slo == "payments/authorise"))
        if row.group == (("service", "cart"),)
        else row
        for row in known_shop.all_rows
    )
    with served(replace(known_shop, all_rows=rows)) as address:
        page = opened(address, **NO_SCRIPT)
        assert "groups: 1 exhausted" in row_of(page, "shop/availability")[1]


def test_gates_are_told_with_what_decided(address: str, opened: Opened) -> None:
    page = opened(address, **NO_SCRIPT)
    told = dict(zip(texts(page, ".gate h3"), texts(page, ".gate .o"), strict=True))
    assert list(told.values()) == ["deny", "deny", "unknown", "warn", "warn", "allow"], (
        "what stops somebody comes first"
    )
    gates = page.locator(".gate")
    assert "shop/latency: the budget burns" in gates.filter(has_text="deploy-shop").inner_text()
    assert "Callers are stopped while it is unknown" in gates.filter(has_text="deploy-edge").inner_text()
    overridden = gates.filter(has_text="deploy-payments").inner_text()
    assert "Overridden by mira until 2026-11-01 03:40 UTC" in overridden
    assert overridden.count("Roll-out of the fix") == 1


@pytest.mark.parametrize(
    ("address_part", "shown"),
    [("?sort=nonsense&state=bad&page=-3&order=x&groups=yes", 13), ("?page=99999999999", 13), ("?page=7", 13)],
)
def test_an_address_that_makes_no_sense_still_shows_the_page(
    address: str, opened: Opened, address_part: str, shown: int
) -> None:
    assert len(names(opened(f"{address}/{address_part}", **NO_SCRIPT))) == shown


def test_what_is_wrong_with_the_service_is_told_first(opened: Opened, known_shop: Shop) -> None:
    status = replace(
        WELL,
        files=FilesStatus(ok=False, problems="shop.yaml:3:7: target: 101% is too much", loaded_at=AT),
        ledger_ok=False,
        ledger_message="disk full",
        failures={f"shop/o{number:02d}": "the server answered 503" for number in range(25)},
        simulated=True,
    )
    with served(replace(known_shop, collector=status, clock=AT + timedelta(minutes=14))) as address:
        page = opened(address, **NO_SCRIPT)
        notices = page.locator("#alerts")
        text = notices.text_content() or ""
        assert "Simulated data. These figures describe no real service." in text
        assert "The newest data are 14 min 14 s old." in text
        assert "The objective files have a mistake. Those of 2026-11-01 02:14 UTC are still in use." in text
        assert "shop.yaml:3:7: target: 101% is too much" in text
        assert "The ledger cannot be used. disk full" in text
        assert "25 objectives could not be read" in text
        assert "and 5 more" in text
        assert "late" in page.locator("#fresh").inner_text()


def test_before_the_first_cycle_it_says_what_is_awaited(chromium: Browser, opened: Opened) -> None:
    nothing = replace(shop(()), at=None, collector=None)
    with served(nothing) as address:
        page = opened(address, **NO_SCRIPT)
        assert "The collector is at its first cycle." in page.locator("#alerts").inner_text()
        assert page.get_by_role("heading", level=1).inner_text() == "No objectives yet"


def test_without_objectives_it_says_what_to_do(opened: Opened) -> None:
    with served(shop(())) as address:
        page = opened(address, **NO_SCRIPT)
        assert "slo init > objectives.yaml" in page.locator("#results").inner_text()
        assert "Add gates: to an objective file" in page.locator("#gates").inner_text()
