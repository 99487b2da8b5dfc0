"""Selectors as PromQL text: the only place where a query is spelled, every value escaped."""

from __future__ import annotations

from slo.promql.names import METRIC_LABEL, is_label_name, is_metric_name
from slo.selector import Matcher, Selector

# Some parsers refuse these as labels too.
_NEW_KEYWORDS = frozenset({"anchored", "smoothed"})
# Names that PromQL reads as something else when they stand without quotes.
_KEYWORDS = frozenset(
    {"and", "atan2", "bool", "fill", "fill_left", "fill_right", "group_left", "group_right", "ignoring", "inf", "nan"}
    | {"offset", "on", "or", "unless", "without", *_NEW_KEYWORDS}
)
_ESCAPES = {"\\": r"\\", '"': r"\"", "\n": r"\n", "\r": r"\r", "\t": r"\t"}


def selector_text(selector: Selector) -> str:
    """The selector in PromQL, its matchers in a stable order; names beyond the classic letters are quoted."""
    matchers = [
        _matcher_text(one) for one in sorted(selector.matchers, key=lambda one: (one.label, one.op.value, one.value))
    ]
    if is_metric_name(selector.metric):
        if selector.metric.lower() not in _KEYWORDS:
            return selector.metric + (f"{{{','.join(matchers)}}}" if matchers else "")
        # Unlike a quoted name, Prometheus 2 reads this too.
        return f"{{{','.join([METRIC_LABEL + '=' + quoted(selector.metric), *matchers])}}}"
    return f"{{{','.join([quoted(selector.metric), *matchers])}}}"


def range_text(selector: Selector, duration_ms: int) -> str:
    """The selector over a range: `x{a="b"}[60001ms]`."""
    return f"{selector_text(selector)}[{duration_ms}ms]"


def quoted(text: str) -> str:
    """A PromQL string literal for any text."""
    if text.isprintable() and "\\" not in text and '"' not in text:
        return f'"{text}"'
    return '"' + "".join(_ESCAPES.get(c) or (c if c.isprintable() else _code_point(c)) for c in text) + '"'


def _matcher_text(matcher: Matcher) -> str:
    is_plain = is_label_name(matcher.label) and matcher.label not in _NEW_KEYWORDS
    label = matcher.label if is_plain else quoted(matcher.label)
    return f"{label}{matcher.op.value}{quoted(matcher.value)}"


def _code_point(character: str) -> str:
    number = ord(character)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
