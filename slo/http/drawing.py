"""Coordinates of the page's drawings: whole numbers, so that a thousand of them are light to send."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from slo.serving.views import IncidentView, Point

SPARK_STEP, SPARK_TOP, SPARK_ZERO, SPARK_BOTTOM = 3, 1, 21, 29
"""Of a sparkline: between points, and where 100 %, 0 % and the least that is shown are."""
_SPARK_HEIGHT = SPARK_ZERO - SPARK_TOP
BAR_BELOW = 40
"""How far a bar reaches below nought, in percent of the budget; what is overspent by more looks alike."""

WIDTH, HEIGHT = 1000, 300
_GRID = 4


def sparkline(points: Sequence[float | None]) -> str:
    """The path of what was left of the budget; gaps where nothing is known, a dot where that is all around."""
    path, command, least = [], "M", (SPARK_ZERO - SPARK_BOTTOM) / _SPARK_HEIGHT
    for number, ratio in enumerate(points):
        if ratio is None:
            command = "M"
            continue
        inside = least if ratio < least else 1.0 if ratio > 1 else ratio
        path.append(f"{command}{number * SPARK_STEP} {SPARK_ZERO - round(inside * _SPARK_HEIGHT)}")
        command = "L"
    return "".join(path) + ("h1" if len(path) == 1 else "")


def bar(ratio: float | None) -> tuple[int, int]:
    """Start and length of a bar from nought, in percent; to the left for a budget that is overspent."""
    if ratio is None:
        return 0, 0
    if ratio < 0:
        length = min(BAR_BELOW, math.ceil(-ratio * 100))
        return -length, length
    return 0, min(100, math.floor(ratio * 100))


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A burn-down in a box of WIDTH by HEIGHT. Ticks are evenly spaced, so that labels can stand beside the drawing.

    lines, areas: paths; ideal: from all of the budget to none, over the period; now_x: None when the period ends now.
    bands: start and width of what incidents took. y_ticks: ratios from the top down; x_ticks: minutes.
    """

    line: str
    area: str
    zero_y: int
    ideal: str
    now_x: int | None
    bands: tuple[tuple[int, int, IncidentView], ...]
    y_ticks: tuple[float, ...]
    x_ticks: tuple[int, ...]


def chart(points: Sequence[Point], period: tuple[int, int], incidents: Sequence[IncidentView], now: int) -> Chart:
    start, end = period
    known = [point.remaining_ratio for point in points if point.remaining_ratio is not None]
    ticks = _ticks(min([0.0, *known]))
    top, bottom = ticks[0], ticks[-1]

    def x(minute: int) -> int:
        return round((min(max(minute, start), end) - start) / max(1, end - start) * WIDTH)

    def y(ratio: float) -> int:
        return round((top - min(max(ratio, bottom), top)) / (top - bottom) * HEIGHT)

    pieces = [[(x(point.minute), y(point.remaining_ratio or 0.0)) for point in piece] for piece in _pieces(points)]
    return Chart(
        line="".join(_path(piece) for piece in pieces),
        area="".join(f"{_path(piece)}V{y(0)}H{piece[0][0]}Z" for piece in pieces),
        zero_y=y(0),
        ideal=f"M0 {y(1)}L{WIDTH} {y(0)}",
        now_x=x(now) if now < end else None,
        bands=tuple(
            (x(one.start_minute), max(2, x(one.end_minute) - x(one.start_minute)), one)
            for one in incidents
            if one.end_minute > start and one.start_minute < end
        ),
        y_ticks=ticks,
        x_ticks=tuple(start + (end - start) * number // 6 for number in range(7)),
    )


def _ticks(least: float) -> tuple[float, ...]:
    """Round ratios from 1 down to the least, evenly spaced, with nought among them."""
    if least >= 0:
        return tuple(1 - number / _GRID for number in range(_GRID + 1))
    step = 0.5
    while -least / step > _GRID:
        step *= 2 if step < 1 else 5 if math.log10(step) % 1 == 0 else 2
    top = 1.0 if step <= 1 else step
    count = math.ceil(-least / step) + round(top / step)
    return tuple(top - number * step for number in range(count + 1))


def _pieces(points: Sequence[Point]) -> list[list[Point]]:
    """The stretches in which what was left is known."""
    pieces: list[list[Point]] = []
    open_piece = False
    for point in points:
        if point.remaining_ratio is None:
            open_piece = False
            continue
        if not open_piece:
            pieces.append([])
        pieces[-1].append(point)
        open_piece = True
    return pieces


def _path(points: Sequence[tuple[int, int]]) -> str:
    first, *rest = points
    return f"M{first[0]} {first[1]}" + "".join(f"L{x} {y}" for x, y in rest) + ("" if rest else "h1")
