"""Several objectives as one, by weight: what a promise made of promises has left.

With the consumed share C_i = k_i / (b_i n_i) of each part and weights w_i, the composite has consumed
C = sum(w_i C_i) / sum(w_i), has R = 1 - C left, and burns at BR = sum(w_i BR_i) / sum(w_i) over a window. Each bad
event counts by what it takes of its own part's budget, never by how much traffic that part has: one part at three
times its budget exhausts a composite of three equal parts alone. Source: OpenSLO v1, `compositeWeight` of
Occurrences, where a weight multiplies the part's burn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from slo.report import ObjectiveReport, State

_WORST = (State.NO_DATA, State.INSUFFICIENT_DATA, State.NO_TRAFFIC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One objective's report, and how much it counts; weights are over 0."""

    report: ObjectiveReport
    weight: Fraction

    def __post_init__(self) -> None:
        if self.weight <= 0:
            raise ValueError("a weight is over 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class CompositeReport:
    """What several budgets come to. None where a part has no figure: what is unknown of one is unknown of all.

    burn_rates: of the windows, in minutes, that every part has. state: the first of no_data, insufficient_data and
    no_traffic that a part is in, else exhausted or ok by the composite's own budget.
    """

    parts: tuple[Part, ...]
    consumed_ratio: float | None
    remaining_ratio: float | None
    burn_rates: tuple[tuple[int, float | None], ...]
    state: State


def composite_of(parts: Sequence[Part]) -> CompositeReport:
    """The composite of at least one part, all evaluated at one time."""
    if not parts:
        raise ValueError("a composite has at least one part")
    consumed = _weighted(parts, [part.report.budget.consumed_ratio for part in parts])
    return CompositeReport(
        parts=tuple(parts),
        consumed_ratio=consumed,
        remaining_ratio=None if consumed is None else 1 - consumed,
        burn_rates=tuple(_burn_rates(parts)),
        state=_state(parts, consumed),
    )


def _weighted(parts: Sequence[Part], values: Sequence[float | None]) -> float | None:
    """The weighted mean, exact until its last division."""
    known = [Fraction(value) for value in values if value is not None]
    if len(known) < len(parts):
        return None
    total = sum(part.weight for part in parts)
    return float(sum(part.weight * value for part, value in zip(parts, known, strict=True)) / total)


def _burn_rates(parts: Sequence[Part]) -> list[tuple[int, float | None]]:
    of_parts = [{burn.window_minutes: burn.burn_rate for burn in part.report.burn_rates} for part in parts]
    common = sorted(set(of_parts[0]).intersection(*of_parts[1:]))
    return [(minutes, _weighted(parts, [rates[minutes] for rates in of_parts])) for minutes in common]


def _state(parts: Sequence[Part], consumed: float | None) -> State:
    for state in _WORST:
        if any(part.report.state is state for part in parts):
            return state
    if consumed is None:
        return State.NO_DATA
    return State.EXHAUSTED if consumed >= 1 else State.OK
