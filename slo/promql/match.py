"""Selectors applied to label sets at hand, as Prometheus applies them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import re2

from slo.selector import Matcher, MatchOp, Selector


def matches(selector: Selector, labels: Mapping[str, str]) -> bool:
    """Whether the labels satisfy every matcher; an absent label is the empty string. The metric is not looked at."""
    return all(_holds(matcher, labels.get(matcher.label, "")) for matcher in selector.matchers)


@lru_cache(maxsize=65_536)
def _holds(matcher: Matcher, value: str) -> bool:
    if matcher.op is MatchOp.EQUAL:
        return value == matcher.value
    if matcher.op is MatchOp.NOT_EQUAL:
        return value != matcher.value
    # RE2, as Prometheus uses it: linear in time whatever the pattern, and anchored at both ends.
    found = re2.fullmatch(matcher.value, value) is not None
    return found is (matcher.op is MatchOp.REGEX)
