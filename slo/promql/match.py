"""Selectors applied to label sets at hand, as Prometheus applies them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import re2

from slo.selector import Matcher, MatchOp, Selector

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False


def matches(selector: Selector, labels: Mapping[str, str]) -> bool:
    """Whether the labels satisfy every matcher; an absent label is the empty string. The metric is not looked at."""
    return compiled(selector)(labels)


@lru_cache(maxsize=4096)
def compiled(selector: Selector) -> Callable[[Mapping[str, str]], bool]:
    """The test of `matches` for one selector, for many label sets; comparisons that cost least come first."""
    tests = [(one.label, _test(one)) for one in sorted(selector.matchers, key=_cost)]
    return lambda labels: all(holds(labels.get(label, "")) for label, holds in tests)


@lru_cache(maxsize=4096)
def compile_regex(pattern: str) -> Any:
    """The pattern as Prometheus compiles it: anchored by `fullmatch`, and a dot is any character, even a newline.

    RE2 is linear in time whatever the pattern. Raises ValueError for a pattern that is none.
    """
    try:
        re2.compile(pattern, _OPTIONS)  # alone first: "a)(b" is no pattern, but would become one inside the group
        return re2.compile(f"(?s:{pattern})", _OPTIONS)
    except re2.error as error:
        reason = error.args[0].decode("utf-8", "replace") if isinstance(error.args[0], bytes) else str(error)
        raise ValueError(f"{pattern!r} is not a regular expression: {reason}") from None


def _test(matcher: Matcher) -> Callable[[str], bool]:
    wanted = matcher.value
    if matcher.op is MatchOp.EQUAL:
        return lambda value: value == wanted
    if matcher.op is MatchOp.NOT_EQUAL:
        return lambda value: value != wanted
    is_match, expected = compile_regex(wanted).fullmatch, matcher.op is MatchOp.REGEX

    # A fleet has many series but few values of one label.
    @lru_cache(maxsize=1024)
    def holds(value: str) -> bool:
        return (is_match(value) is not None) is expected

    return holds


def _cost(matcher: Matcher) -> tuple[bool, str, str]:
    return matcher.op in (MatchOp.REGEX, MatchOp.NOT_REGEX), matcher.label, matcher.value
