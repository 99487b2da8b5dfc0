"""Which rows are shown in which order, and where drawings have their points: pure functions."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.http.drawing import BAR_BELOW, HEIGHT, SPARK_BOTTOM, SPARK_TOP, WIDTH, bar, chart, sparkline
from slo.http.rendering import path_of, span
from slo.http.selection import PAGE_ROWS, Query, select
from slo.render.figures import WORST_FIRST
from slo.report import State
from slo.serving.views import IncidentView, Point, Row

RATIOS = st.one_of(st.none(), st.floats(-1000, 1, allow_nan=False))


def row(number: int, state: State = State.OK, left: float | None = 0.5, **changes: object) -> Row:
    plain = Row(
        slo=f"shop/o{number:05d}",
        service="shop",
        labels={"team": "shop"},
        state=state,
        target_percent="99.9%",
        availability_percent="99.95%",
        window_text="30d",
        remaining_ratio=left,
        remaining_minutes=None if left is None else left * 43.2,
        total_minutes=43.2,
        burn_1h=left,
        burn_6h=left,
        sparkline=(),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # fields by name


ROWS = st.lists(st.tuples(st.sampled_from(State), RATIOS), max_size=30).map(
    lambda drawn: [row(number, state, left) for number, (state, left) in enumerate(drawn)]
)
SORTS = ["worst", "name", "availability", "budget", "minutes", "burn_1h", "burn_6h"]


@given(rows=ROWS, sort=st.sampled_from(SORTS), backwards=st.booleans())
def test_sorting_loses_nothing_and_puts_last_what_is_not_defined(rows: list[Row], sort: str, backwards: bool) -> None:
    shown = select(rows, Query(sort=sort, backwards=backwards)).rows
    assert sorted(one.slo for one in shown) == sorted(one.slo for one in rows)
    if sort == "budget":
        known = [one.remaining_ratio for one in shown if one.remaining_ratio is not None]
        assert known == sorted(known, reverse=backwards)
        assert all(one.remaining_ratio is None for one in shown[len(known) :])
    if sort == "worst" and not backwards:
        ranks = [WORST_FIRST.index(one.state) for one in shown]
        assert ranks == sorted(ranks)


@given(rows=ROWS, state=st.sampled_from(State))
def test_the_counts_are_those_of_the_lists_behind_them(rows: list[Row], state: State) -> None:
    everything = select(rows, Query())
    assert sum(everything.counts.values()) == everything.matching == len(rows)
    assert select(rows, Query(state=state.value)).matching == everything.counts.get(state, 0)


@pytest.mark.parametrize("count", [0, 1, PAGE_ROWS, PAGE_ROWS + 1, 3 * PAGE_ROWS])
def test_pages_hold_each_row_once(count: int) -> None:
    rows = [row(number) for number in range(count)]
    pages = select(rows, Query()).pages
    shown = [one for page in range(1, pages + 1) for one in select(rows, Query(page=page)).rows]
    assert sorted(one.slo for one in shown) == [one.slo for one in rows]
    assert select(rows, Query(page=pages + 1)) == select(rows, Query(page=pages))


def test_the_address_of_a_query_leads_to_it_again() -> None:
    asked = Query(text='a "b" & <c>', state="no_data", sort="burn_1h", backwards=True, groups=True, page=3)
    pairs = dict(re.findall(r"(\w+)=([^&]*)", asked.address(page=3)))
    assert pairs["q"] == "a+%22b%22+%26+%3Cc%3E"
    assert Query.of({"q": asked.text} | {name: value for name, value in pairs.items() if name != "q"}) == asked
    assert Query().address() == "?"


@given(points=st.lists(RATIOS, max_size=40))
def test_a_sparkline_stays_in_its_box_and_shows_every_known_point(points: list[float | None]) -> None:
    path = sparkline(points)
    heights = [int(y) for y in re.findall(r"[ML]\d+ (-?\d+)", path)]
    assert len(heights) == sum(point is not None for point in points)
    assert all(SPARK_TOP <= y <= SPARK_BOTTOM for y in heights)
    starts = sum(a is None and b is not None for a, b in zip([None, *points], points, strict=False))
    assert path.count("M") == starts


@given(ratio=RATIOS)
def test_a_bar_is_never_longer_than_what_is_left(ratio: float | None) -> None:
    start, length = bar(ratio)
    assert -BAR_BELOW <= start <= 0
    assert start + length <= 100
    if ratio is not None and ratio < 0:
        assert start < 0
        assert start + length == 0
    else:
        assert length <= 100 * (ratio or 0)


@given(
    ratios=st.lists(RATIOS, min_size=1, max_size=40),
    incident=st.tuples(st.integers(-50, 200), st.integers(1, 100)),
    rest=st.integers(0, 100),
)
def test_a_chart_stays_in_its_box(ratios: list[float | None], incident: tuple[int, int], rest: int) -> None:
    points = [Point(100 + number, ratio) for number, ratio in enumerate(ratios)]
    end = 100 + len(ratios) + rest
    spent = IncidentView(100 + incident[0], 100 + incident[0] + incident[1], 5, 0.1)
    drawn = chart(points, (100, end), [spent], 100 + len(ratios))
    for x, y in re.findall(r"[ML](-?\d+) (-?\d+)", drawn.line + drawn.ideal):
        assert 0 <= int(x) <= WIDTH
        assert 0 <= int(y) <= HEIGHT
    steps = [before - after for before, after in zip(drawn.y_ticks, drawn.y_ticks[1:], strict=False)]
    assert max(steps) == pytest.approx(min(steps))
    assert 2 <= len(drawn.y_ticks) <= 12
    assert any(tick == pytest.approx(0) for tick in drawn.y_ticks)
    assert min(drawn.y_ticks) <= min([0.0, *(ratio for ratio in ratios if ratio is not None)])
    assert (drawn.now_x is None) == (rest == 0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3661, "1 h 1 min"),
        (3600, "1 h"),
        (90_061, "1 d 1 h"),
        (86_460, "1 d"),
    ],
)
def test_spans(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_the_path_of_a_group_carries_its_labels() -> None:
    group = (("service", 'a"b/c&d'), ("zone", "ü"))
    assert path_of('shop/o{service="a"}', group) == "slo/shop/o?group=service%3Da%22b%2Fc%26d&group=zone%3D%C3%BC"
