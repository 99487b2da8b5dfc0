"""The page of a thousand objectives: light enough to be usable at once, which bench/page.py measures."""

from __future__ import annotations

from bench.page import many
from slo.http.cards import health
from slo.http.overview import render_overview
from tests.page.conftest import Opened, served
from tests.page.shop import Shop


def test_a_thousand_objectives_weigh_less_than_a_picture(known_shop: Shop) -> None:
    data = many(known_shop, 1000)
    html = render_overview(data.rows(), data.decisions(None), health(data.status(), data.figures_at(), data.now()))
    assert html.count("<tr ") == 1001
    assert len(html) < 900_000


LAID_OUT = """(row) => new Promise((tell) => {
    const look = (frames) => {
        if (row.checkVisibility({ contentVisibilityAuto: true })) tell(true);
        else if (frames > 600) tell(false);
        else requestAnimationFrame(() => look(frames + 1));
    };
    look(0);
})"""
"""Whether a row is laid out in one of the next frames."""


def test_what_is_out_of_sight_is_not_laid_out_and_still_found(known_shop: Shop, opened: Opened) -> None:
    with served(many(known_shop, 1001)) as address:
        page = opened(address)
        assert page.locator("tbody tr").count() == 1000
        last = page.locator("tbody tr").last
        assert not last.evaluate("(row) => row.checkVisibility({ contentVisibilityAuto: true })")
        last.scroll_into_view_if_needed()
        assert last.evaluate(LAID_OUT)
        page.get_by_role("link", name="Next 1000").click()
        page.wait_for_url("**page=2")
        assert page.locator("tbody tr").count() == 1
