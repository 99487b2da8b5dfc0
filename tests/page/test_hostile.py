"""What objective files, sources and callers write appears as text, whatever it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from slo.decision import Outcome, Override
from slo.http.objective_page import RecentDecision
from slo.http.page import CONTENT_SECURITY_POLICY
from slo.objective import group_id
from slo.serving.views import Alert, CorrectionView, FilesStatus, Note
from tests.page.conftest import Opened, served
from tests.page.shop import AT, NOW, WELL, Shop

ATTACKS = [
    "<script>window.hit = 1</script>",
    "\"><img src=x onerror='window.hit=1'>",
    "' onmouseover='window.hit=1' x='",
    "</title></style></textarea><svg onload=window.hit=1>",
    "{{ 7 * 7 }}{% raw %}",
    "\u202egnp.exe\u2066",
    "a" * 5000,
]


def attacked(one: Shop, text: str) -> Shop:
    """A shop in which whatever others write is this text."""
    group = (("service", text),)
    view = one.views["shop/availability"]
    row = replace(view.row, labels={"team": text}, reason=text, window_text=text)
    of_group = replace(row, slo=group_id(row.slo, group), group=group)
    override = Override(id=1, gate="chaos", slos=(), by=text, reason=text, start=AT, until=AT + timedelta(hours=1))
    gates = tuple(
        replace(
            decision,
            reasons=tuple(replace(reason, message=text, slo=text) for reason in decision.reasons),
            overridden_by=override,
        )
        for decision in one.gates
    )
    everything = replace(
        view,
        row=row,
        description=text,
        runbook=text,
        reasons=(Note(text, text),),
        alerts=(Alert(text, 60, 5, 14.4, True),),
        groups=(of_group,),
        corrections=(CorrectionView(1, 2, text, text, text),),
    )
    status = replace(
        WELL,
        failures={text: text},
        files=FilesStatus(ok=False, problems=text, loaded_at=AT),
        ledger_ok=False,
        ledger_message=text,
    )
    log = (RecentDecision(at=NOW, gate=text, outcome=Outcome.DENY, message=text, by=text),)
    views = {view.row.slo: everything, of_group.slo: replace(everything, row=of_group, groups=())}
    return replace(one, views=views, all_rows=(row, of_group), gates=gates, collector=status, log=log, evaluated=())


@pytest.fixture(params=ATTACKS, ids=range(len(ATTACKS)))
def attack(request: pytest.FixtureRequest, known_shop: Shop) -> Iterator[tuple[str, str]]:
    text = str(request.param)
    with served(attacked(known_shop, text)) as address:
        yield text, address


def test_it_is_text_and_runs_nothing(attack: tuple[str, str], opened: Opened) -> None:
    text, address = attack
    for path in ("/?groups=1", "/slo/shop/availability"):
        page = opened(address + path, viewport={"width": 360, "height": 800})
        assert page.evaluate("typeof window.hit") == "undefined"
        assert page.locator("main img, main script, main svg[onload]").count() == 0
        assert text in (page.locator("main").text_content() or "")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page = opened(address)
    page.get_by_label("Filter").fill(text)
    page.get_by_role("button", name="Apply").click()
    page.wait_for_url(f"{address}/?q=**")
    assert page.evaluate("typeof window.hit") == "undefined"


def test_the_page_of_a_hostile_group_is_found_by_its_link(known_shop: Shop, opened: Opened) -> None:
    text = ATTACKS[1]
    with served(attacked(known_shop, text)) as address:
        page = opened(f"{address}/slo/shop/availability")
        page.locator("tbody th a").click()
        assert f"service={text}" in page.get_by_role("heading", level=1).inner_text()


@pytest.mark.parametrize(
    ("runbook", "href"),
    [
        ("https://runbooks.example.com/a?b=c&d", "https://runbooks.example.com/a?b=c&d"),
        ("http://runbooks.example.com", "http://runbooks.example.com"),
        ("javascript:alert(1)", None),
        ("data:text/html,<script>alert(1)</script>", None),
        (" JavaScript:alert(1)", None),
        ("//evil.example.com", None),
        ("http:evil", None),
        ("http://[x", None),
        ("ask mira", None),
    ],
)
def test_only_addresses_of_the_web_are_links(known_shop: Shop, runbook: str, href: str | None) -> None:
    view = replace(known_shop.views["shop/availability"], runbook=runbook)
    with served(replace(known_shop, views={"shop/availability": view}, evaluated=())) as address:
        html = httpx.get(f"{address}/slo/shop/availability").text
    assert ('class="runbook"' in html) == (href is not None)
    if href:
        assert f'href="{href.replace("&", "&amp;")}"' in html


def test_the_policy_forbids_what_is_inline_and_the_pages_need_none_of_it(address: str) -> None:
    for path in ("/", "/slo/shop/availability", "/slo/none/none", "/static/page.js"):
        answer = httpx.get(address + path)
        assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
        if "html" in answer.headers["content-type"]:
            assert " style=" not in answer.text
            assert "<style" not in answer.text


@pytest.mark.parametrize("path", ["/static/..%2fpage.py", "/static/%2e%2e/page.py", "/static/base.html", "/static/"])
def test_no_other_file_is_served(address: str, path: str) -> None:
    assert httpx.get(address + path).status_code == 404


def test_what_a_browser_keeps_changes_its_name_with_its_content(address: str) -> None:
    html = httpx.get(address).text
    script = html.split('script src="')[1].split('"')[0]
    assert "immutable" in httpx.get(f"{address}/{script}").headers["cache-control"]
    assert httpx.get(f"{address}/static/page.js?v=old").headers["cache-control"] == "no-cache"
    assert httpx.get(address).headers["cache-control"] == "no-store"


def test_who_takes_no_gzip_gets_none(address: str) -> None:
    plain = httpx.get(address, headers={"accept-encoding": "identity"})
    packed = httpx.get(address, headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert plain.text == packed.text
