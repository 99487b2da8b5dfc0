"""What a snapshot knows of each gate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from slo.gate import Gate
from slo.serving.sections import Sections


@dataclass(frozen=True, slots=True, kw_only=True)
class GateState:
    """A gate in one cycle. slos: the ids that it asks about when no others are named, in the order of the report."""

    gate: Gate
    slos: tuple[str, ...]


def gate_states(
    sections: Sections, ids: Sequence[str], labels: Callable[[str], Mapping[str, str]]
) -> Mapping[str, GateState]:
    """By the gate's name."""
    return {}
