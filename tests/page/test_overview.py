"""The page of all objectives, as a browser without a script shows it."""

from __future__ import annotations

from tests.page.conftest import Opened

NO_SCRIPT = {"java_script_enabled": False}


def texts(page: object, selector: str) -> list[str]:
    return [text.strip() for text in page.locator(selector).all_inner_texts()]  # type: ignore[attr-defined]


def test_the_worst_comes_first_and_no_data_is_never_green(address: str, opened: Opened) -> None:
    page = opened(address, **NO_SCRIPT)
    states = texts(page, "table.rows tbody .s")
    assert states[:6] == ["exhausted", "burning", "burning", "too little data", "no data", "no traffic"]
    assert set(states[6:]) == {"ok"}
