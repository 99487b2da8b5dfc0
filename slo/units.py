"""Durations and ratios as people write them, to and from exact numbers."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache

MINUTE_MS = 60_000

_SECONDS_PER_UNIT = {
    "y": Decimal(365 * 86_400),
    "w": Decimal(7 * 86_400),
    "d": Decimal(86_400),
    "h": Decimal(3_600),
    "m": Decimal(60),
    "s": Decimal(1),
    "ms": Decimal("0.001"),
}
_DURATION = re.compile(r"(?:\d+(?:ms|[ywdhms]))+", re.ASCII)
_DURATION_PART = re.compile(r"(\d+)(ms|[ywdhms])", re.ASCII)
_RATIO = re.compile(r"(\d{1,20}(?:\.\d{1,20})?|\.\d{1,20})\s*(%?)", re.ASCII)


def parse_duration(text: str) -> Decimal:
    """Seconds of a Prometheus duration such as "30d", "1h30m" or "300ms".

    A year is 365 days, as in Prometheus. Raises ValueError with what to write instead.
    """
    stripped = text.strip()
    if len(stripped) > 40 or not _DURATION.fullmatch(stripped):
        raise ValueError(
            f"{_shown(text)} is not a duration; write a number and a unit (ms, s, m, h, d, w, y), such as 30d or 1h30m"
        )
    parts = _DURATION_PART.findall(stripped)
    units = [unit for _, unit in parts]
    if sorted(units, key=list(_SECONDS_PER_UNIT).index) != units or len(set(units)) != len(units):
        raise ValueError(f"{_shown(text)} is not a duration; write each unit once, the longest first, such as 1h30m")
    return sum((Decimal(number) * _SECONDS_PER_UNIT[unit] for number, unit in parts), Decimal(0))


@lru_cache(maxsize=4096)
def format_duration(seconds: int) -> str:
    """The shortest spelling in days, hours, minutes and seconds: 86400 is "1d", 5400 is "1h30m"."""
    text = ""
    for unit in ("d", "h", "m", "s"):
        count, seconds = divmod(seconds, int(_SECONDS_PER_UNIT[unit]))
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def parse_ratio(text: str) -> Decimal:
    """A ratio written as "99.9%" or "0.999", exactly; the caller checks its range.

    Raises ValueError with what to write instead.
    """
    match = _RATIO.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{_shown(text)} is not a ratio; write a percentage such as 99.9% or a number such as 0.999")
    value = Decimal(match[1])
    return value / 100 if match[2] else value


def _shown(text: str) -> str:
    """The text quoted and cut, so that a hostile file cannot flood a terminal."""
    return repr(text if len(text) <= 60 else text[:57] + "...")
