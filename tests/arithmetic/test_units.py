"""Durations and ratios as people write them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.units import format_duration, parse_duration, parse_ratio


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30d", "2592000"),
        ("1h30m", "5400"),
        ("300ms", "0.3"),
        ("1y2w3d4h5m6s7ms", "33019506.007"),
        (" 5m ", "300"),
        ("0s", "0"),
    ],
)
def test_a_duration_is_read_exactly(text: str, seconds: str) -> None:
    assert parse_duration(text) == Decimal(seconds)


@pytest.mark.parametrize(
    "text", ["", "30", "d", "30 d", "-5m", "1.5h", "5M", "1m1h", "1m1m", "1h 30m", "٣d", "1d" * 30, "5mm"]
)
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a duration; write .*such as"):
        parse_duration(text)


def test_a_hostile_duration_is_not_echoed_in_full() -> None:
    with pytest.raises(ValueError, match="not a duration") as caught:
        parse_duration("x" * 10_000)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59, "59s"), (60, "1m"), (5400, "1h30m"), (86_400, "1d"), (259_200, "3d"), (90_061, "1d1h1m1s")],
)
def test_a_duration_is_written_in_its_shortest_form(seconds: int, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.integers(min_value=0, max_value=10**10))
def test_a_written_duration_reads_back(seconds: int) -> None:
    assert parse_duration(format_duration(seconds)) == seconds


@pytest.mark.parametrize(
    ("text", "ratio"),
    [
        ("99.9%", "0.999"),
        ("99.9 %", "0.999"),
        ("0.999", "0.999"),
        (".5", "0.5"),
        ("100%", "1"),
        ("1", "1"),
        ("0", "0"),
        ("150%", "1.5"),
    ],
)
def test_a_ratio_is_read_exactly(text: str, ratio: str) -> None:
    assert parse_ratio(text) == Decimal(ratio)


@pytest.mark.parametrize(
    "text", ["", "%", "99,9%", "1e-3", "-1%", "nan", "Infinity", "0.9.9", "99.9%%", "9" * 30, "٩%"]
)
def test_what_is_no_ratio_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a ratio; write a percentage such as 99\.9%"):
        parse_ratio(text)
