"""What is promised: frozen values that the rest of the project computes with. No file format appears here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from types import MappingProxyType

from slo.alert_policy import AlertPolicy
from slo.selector import Selector
from slo.window import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class RatioSLI:
    """Counters of events: all of them, and those that were bad or those that were good, never both."""

    total: Selector
    bad: Selector | None = None
    good: Selector | None = None

    def __post_init__(self) -> None:
        if (self.bad is None) == (self.good is None):
            raise ValueError("a ratio names either bad or good events")


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencySLI:
    """Observations of a classic histogram; good are those up to the threshold, which must be a bucket's bound.

    histogram: the metric without `_bucket`; threshold: in the metric's own unit, as in its `le` labels.
    """

    histogram: Selector
    threshold: Decimal


class Comparison(Enum):
    EQUAL = "=="
    NOT_EQUAL = "!="
    LESS = "<"
    LESS_OR_EQUAL = "<="
    GREATER = ">"
    GREATER_OR_EQUAL = ">="


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeSLI:
    """A gauge of which each sample is one observation, good when the comparison holds."""

    series: Selector
    comparison: Comparison
    value: float


SLI = RatioSLI | LatencySLI | ProbeSLI


class EmptySlice(Enum):
    """What a time slice without a single event counts as."""

    GOOD = "good"
    BAD = "bad"
    EXCLUDE = "exclude"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSlices:
    """Slices of `minutes`, aligned to UTC, each good or bad as a whole by its own target."""

    minutes: int
    target_ratio: Decimal
    empty: EmptySlice


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """One promise: this share of events (or slices) is good over the window. All ratios are in [0, 1].

    prometheus: the name of the server that has the series, "" for the one without a name.
    """

    service: str
    name: str
    target_ratio: Decimal
    window: Window
    sli: SLI
    alert_policy: AlertPolicy
    description: str = ""
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    min_coverage_ratio: Decimal = Decimal("0.9")
    min_observed_ratio: Decimal = Decimal("0.1")
    group_by: tuple[str, ...] = ()
    max_groups: int = 200
    time_slices: TimeSlices | None = None
    prometheus: str = ""
    """The name of the server that it is read from; empty for the one without a name."""
    budget_ratio: Fraction = field(init=False, compare=False)
    """The share of events that may be bad, exactly: 1 - target."""

    def __post_init__(self) -> None:
        if not 0 < self.target_ratio <= 1:
            raise ValueError("a target is over 0 and at most 100 %")
        object.__setattr__(self, "budget_ratio", 1 - Fraction(self.target_ratio))

    @property
    def id(self) -> str:
        return f"{self.service}/{self.name}"


Group = tuple[tuple[str, str], ...]
"""Label values of one group, in the order of `group_by`; empty for the objective as a whole."""


def group_id(objective_id: str, group: Group) -> str:
    """The id of one group: `cloudshop/availability{service="frontend"}`; values escaped as in PromQL."""
    if not group:
        return objective_id
    inside = ",".join(f'{label}="{_escaped(value)}"' for label, value in group)
    return f"{objective_id}{{{inside}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
