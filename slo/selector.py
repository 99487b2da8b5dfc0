"""A set of Prometheus series, named by typed matchers: never text, so nothing in it can be injected."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class MatchOp(Enum):
    """The four label comparisons of PromQL; regular expressions are anchored at both ends."""

    EQUAL = "="
    NOT_EQUAL = "!="
    REGEX = "=~"
    NOT_REGEX = "!~"


@dataclass(frozen=True, slots=True, order=True)
class Matcher:
    """One comparison of a label with a value; an absent label equals the empty string."""

    label: str
    op: MatchOp
    value: str

    def __post_init__(self) -> None:
        if not self.label:
            raise ValueError("a matcher needs a label name")


@dataclass(frozen=True, slots=True)
class Selector:
    """The series of one metric that satisfy every matcher; the order of matchers carries no meaning."""

    metric: str
    matchers: frozenset[Matcher] = frozenset()

    def __post_init__(self) -> None:
        if not self.metric:
            raise ValueError("a selector needs a metric name")

    def where(self, label: str, op: MatchOp, value: str) -> Selector:
        """This selector narrowed by one more matcher."""
        return Selector(self.metric, self.matchers | {Matcher(label, op, value)})

    def renamed(self, metric: str) -> Selector:
        """The same matchers on another metric."""
        return Selector(metric, self.matchers)

    def covers(self, other: Selector) -> bool:
        """Whether every series of `other` is certainly among this selector's."""
        return self.metric == other.metric and self.matchers <= other.matchers
