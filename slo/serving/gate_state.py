"""The gates of a snapshot with their verdicts on every objective, in few bytes where they have nothing against it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from slo.decision import GateReason, Outcome, Verdict
from slo.gate import Gate
from slo.serving.frozen import dumps, loads
from slo.serving.sections import Pieces, Sections, joined
from slo.veto import VetoFinding

_OUTCOMES = tuple(Outcome)
_NO_DATA = -1

Numbers = npt.NDArray[np.int32]
Vetoes = Mapping[str, Sequence[VetoFinding]]


@dataclass(frozen=True, slots=True, kw_only=True)
class GateState:
    """A gate in one cycle.

    slos: the ids that it asks about when no others are named, in the order of the report. verdicts: on these, and on
    the groups of its objectives. labels: of each of them, those of its group among them. vetoes: what was found of
    them.
    """

    gate: Gate
    slos: Sequence[str]
    verdicts: Mapping[str, Verdict]
    labels: Mapping[str, Mapping[str, str]]
    vetoes: tuple[VetoFinding, ...] = ()


class Judged:
    """The verdicts of one gate as they are found, number by number of the report's order."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self._numbers: list[int] = []
        self._named: list[bool] = []
        self._outcomes: list[int] = []
        self._reasons: list[bytes] = []

    def add(self, number: int, verdict: Verdict, *, is_named: bool) -> None:
        """is_named: whether the gate asks about it when nothing else is named."""
        self._reasons.append(orjson.dumps([_plain(reason) for reason in verdict.reasons]) if verdict.reasons else b"")
        self._numbers.append(number)
        self._named.append(is_named)
        self._outcomes.append(_OUTCOMES.index(verdict.outcome))

    def sections(self, place: int) -> dict[str, bytes]:
        """place: among the gates."""
        reasons, edges = joined(self._reasons)
        return {
            f"gate{place}_numbers": np.array(self._numbers, np.int32).tobytes(),
            f"gate{place}_named": np.array(self._named, np.bool_).tobytes(),
            f"gate{place}_outcomes": np.array(self._outcomes, np.uint8).tobytes(),
            f"gate{place}_reasons": reasons,
            f"gate{place}_reasons_edges": edges.tobytes(),
        }


def gate_sections(judged: Sequence[Judged], data_until: Iterable[int | None], vetoes: Vetoes) -> dict[str, bytes]:
    """data_until: of every entry of the report. vetoes: by the gate's name."""
    until = [_NO_DATA if minute is None else minute for minute in data_until]
    found = {"gates": dumps([one.gate for one in judged]), "data_until": np.array(until, np.int32).tobytes()}
    for place, one in enumerate(judged):
        found |= one.sections(place)
    found["vetoes"] = dumps({gate: tuple(some) for gate, some in vetoes.items()})
    return found


def gate_states(
    sections: Sections, ids: Sequence[str], labels: Callable[[str], Mapping[str, str]]
) -> Mapping[str, GateState]:
    """By the gate's name. ids: of the report; labels: of one of them."""
    gates: list[Gate] = loads(sections["gates"])
    vetoes: Vetoes = loads(sections["vetoes"])
    states = {}
    for place, gate in enumerate(gates):
        numbers = sections.numbers(f"gate{place}_numbers", np.int32)
        verdicts = _Verdicts(gate.name, sections, place, ids)
        named = _Ids(ids, numbers[sections.numbers(f"gate{place}_named", np.bool_)])
        states[gate.name] = GateState(
            gate=gate,
            slos=named,
            verdicts=verdicts,
            labels=_Labels(verdicts, labels),
            vetoes=tuple(vetoes.get(gate.name, ())),
        )
    return MappingProxyType(states)


class _Ids(Sequence[str]):
    """Some of the ids, without a copy of them."""

    def __init__(self, ids: Sequence[str], numbers: Numbers) -> None:
        self._ids, self._numbers = ids, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, place: int | slice) -> Any:
        if isinstance(place, slice):
            return tuple(self._ids[number] for number in self._numbers[place].tolist())
        return self._ids[int(self._numbers[place])]

    def __iter__(self) -> Iterator[str]:
        return (self._ids[number] for number in self._numbers.tolist())


class _Verdicts(Mapping[str, Verdict]):
    """Verdicts by id, made of their bytes when they are asked for, once."""

    def __init__(self, gate: str, sections: Sections, place: int, ids: Sequence[str]) -> None:
        self._gate, self._sections, self._place = gate, sections, place
        self._ids = _Ids(ids, sections.numbers(f"gate{place}_numbers", np.int32))
        self._outcomes = sections.numbers(f"gate{place}_outcomes", np.uint8)
        self._known: dict[str, Verdict] = {}

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def __contains__(self, slo: object) -> bool:
        return slo in self._places

    def __getitem__(self, slo: str) -> Verdict:
        verdict = self._known.get(slo)
        if verdict is None:
            verdict = self._known[slo] = self._verdict(slo, self._places[slo])
        return verdict

    def _verdict(self, slo: str, place: int) -> Verdict:
        until = int(self._data_until[place])
        return Verdict(
            gate=self._gate,
            slo=slo,
            outcome=_OUTCOMES[int(self._outcomes[place])],
            reasons=self._reasons_of(slo, place),
            data_until=None if until == _NO_DATA else until,
        )

    @cached_property
    def _places(self) -> Mapping[str, int]:
        return {slo: place for place, slo in enumerate(self._ids)}

    @cached_property
    def _data_until(self) -> Numbers:
        numbers = self._sections.numbers(f"gate{self._place}_numbers", np.int32)
        found: Numbers = self._sections.numbers("data_until", np.int32)[numbers]
        return found

    def _reasons_of(self, slo: str, place: int) -> tuple[GateReason, ...]:
        """Decoded one verdict at a time: what is decoded at once, no other thread can interrupt."""
        piece = self._reasons[place]
        return tuple(_reason(slo, plain) for plain in orjson.loads(piece)) if piece else ()

    @cached_property
    def _reasons(self) -> Pieces:
        starts, ends = self._sections.numbers(f"gate{self._place}_reasons_edges", np.int64).reshape(2, -1)
        return Pieces(self._sections[f"gate{self._place}_reasons"], starts, ends)


class _Labels(Mapping[str, Mapping[str, str]]):
    """The labels of what a gate has verdicts on."""

    def __init__(self, verdicts: _Verdicts, labels: Callable[[str], Mapping[str, str]]) -> None:
        self._verdicts, self._labels = verdicts, labels

    def __len__(self) -> int:
        return len(self._verdicts)

    def __iter__(self) -> Iterator[str]:
        return iter(self._verdicts)

    def __getitem__(self, slo: str) -> Mapping[str, str]:
        if slo not in self._verdicts:
            raise KeyError(slo)
        return self._labels(slo)


def _plain(reason: GateReason) -> tuple[Any, ...]:
    return (
        reason.check,
        reason.outcome.value,
        reason.message,
        reason.cause,
        reason.observed,
        reason.threshold,
        reason.window_minutes,
    )


def _reason(slo: str, plain: Sequence[Any]) -> GateReason:
    check, outcome, message, cause, observed, threshold, window_minutes = plain
    return GateReason(
        slo=slo,
        check=check,
        outcome=Outcome(outcome),
        message=message,
        cause=cause,
        observed=observed,
        threshold=threshold,
        window_minutes=window_minutes,
    )
