"""Queries of other tools, taken apart to the selectors they count; nothing in them is ever evaluated."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import promql_parser as promql

from slo.promql.parse import MAX_CHARACTERS, selector_of_node
from slo.promql.text import selector_text
from slo.selector import MatchOp, Selector

_WINDOW = re.compile(r"\{\{-?\s*\.\s*window\s*-?\}\}|\$window\b|\[\s*\$\{?__\w+\}?\s*\]")
_COUNTING = ("rate", "increase", "irate")
_MOST_OPERATORS = 50


@dataclass(frozen=True, slots=True)
class Events:
    """`sum by (labels) (rate(selector[window]))`, or the bare counter."""

    selector: Selector
    by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rest:
    """`whole - part`."""

    whole: Events
    part: Events


@dataclass(frozen=True, slots=True)
class Share:
    """`part / whole`, or one minus it."""

    part: Events | Rest
    whole: Events
    is_complement: bool = False


Query = Events | Rest | Share


def read_query(text: str) -> Query:
    """What a query counts. Raises ValueError that says what it is instead."""
    if len(text) > MAX_CHARACTERS or sum(text.count(sign) for sign in "+-*/%^(") > _MOST_OPERATORS:
        raise ValueError("this query is too long to be a ratio of two counters")
    plain = _WINDOW.sub(lambda found: "[5m]" if found[0].startswith("[") else "5m", text)
    try:
        node = promql.parse(plain)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"this is not PromQL: {' '.join(str(error).split())[:160]}") from None
    return _query(node)


def read_events(text: str) -> Events:
    """As read_query, where only a plain count will do."""
    query = read_query(text)
    if not isinstance(query, Events):
        raise ValueError("this is no plain count of events: write sum(rate(counter{...}[window]))")
    return query


def ratio_of(numerator: Query, total: Events, *, is_bad: bool) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The `sli` of an objective file, and the labels that it is grouped by. Raises ValueError where it is no ratio."""
    if isinstance(numerator, Rest):
        if numerator.whole.selector != total.selector:
            raise ValueError("what is subtracted from is not the total: the bad events cannot be named by one selector")
        numerator, is_bad = numerator.part, not is_bad
    if not isinstance(numerator, Events):
        raise ValueError("this is a ratio itself, where a count of events is needed")
    if numerator.by != total.by:
        raise ValueError("the two queries are grouped by different labels")
    latency = None if is_bad else latency_of(numerator.selector, total.selector)
    if latency:
        return {"latency": latency}, total.by
    name = "bad" if is_bad else "good"
    return {"ratio": {name: selector_text(numerator.selector), "total": selector_text(total.selector)}}, total.by


def latency_of(good: Selector, total: Selector) -> dict[str, str] | None:
    """The latency indicator that a bucket and a count of one histogram are; None where they are not."""
    metric = good.metric.removesuffix("_bucket")
    bounds = [one for one in good.matchers if one.label == "le"]
    rest = good.matchers - set(bounds)
    if metric == good.metric or total != Selector(f"{metric}_count", rest):
        return None
    if len(bounds) != 1 or bounds[0].op is not MatchOp.EQUAL:
        return None
    try:
        bound = Decimal(bounds[0].value)
    except InvalidOperation:
        return None
    if not bound.is_finite() or bound <= 0:
        return None
    is_milliseconds = metric.endswith(("_milliseconds", "_ms"))
    threshold = f"{bound.normalize():f}{'ms' if is_milliseconds else 's'}"
    found = {"histogram": selector_text(Selector(metric, rest)), "threshold": threshold}
    return {**found, "unit": "milliseconds"} if is_milliseconds else found


def _query(node: Any) -> Query:
    node = _bare(node)
    if isinstance(node, promql.BinaryExpr):
        return _binary(node)
    if isinstance(node, promql.AggregateExpr):
        return _sum(node)
    if isinstance(node, promql.Call):
        return Events(_counted(node))
    if isinstance(node, promql.VectorSelector):
        return Events(selector_of_node(node))
    raise ValueError("this is no count of events: write sum(rate(counter{...}[window]))")


def _binary(node: Any) -> Query:
    op = str(node.op)
    if op == "or" and _is_zero(node.rhs):
        return _query(node.lhs)
    if op == "*" and isinstance(_bare(node.rhs), promql.NumberLiteral) and _bare(node.rhs).val == 100:
        return _query(node.lhs)
    if op == "-" and isinstance(_bare(node.lhs), promql.NumberLiteral) and _bare(node.lhs).val == 1:
        share = _query(node.rhs)
        if isinstance(share, Share):
            return Share(share.part, share.whole, not share.is_complement)
    if op == "-":
        whole, part = _query(node.lhs), _query(node.rhs)
        if isinstance(whole, Events) and isinstance(part, Events):
            return Rest(whole, part)
    if op == "/":
        part, whole = _query(node.lhs), _query(node.rhs)
        if isinstance(whole, Events) and not isinstance(part, Share):
            return Share(part, whole)
    raise ValueError(f"the operator {op} between these is no ratio of counted events")


def _sum(node: Any) -> Events:
    if str(node.op) != "sum":
        raise ValueError(f"the aggregation {node.op} is no count of events; only sum is")
    by: tuple[str, ...] = ()
    if node.modifier is not None:
        if "without" in str(node.modifier.type).lower() or "exclude" in str(node.modifier.type).lower():
            raise ValueError("sum without (...) has no counterpart; name the labels of the groups by `by`")
        by = tuple(node.modifier.labels)
    inner = _bare(node.expr)
    if isinstance(inner, promql.VectorSelector):
        return Events(selector_of_node(inner), by)
    if not isinstance(inner, promql.Call):
        raise ValueError("what is summed is no rate of a counter")
    return Events(_counted(inner), by)


def _counted(call: Any) -> Selector:
    name = call.func.name
    if name not in _COUNTING:
        raise ValueError(f"{name}() is no count of events; rate and increase of a counter are")
    matrix = _bare(call.args[0])
    if not isinstance(matrix, promql.MatrixSelector):
        raise ValueError(f"{name}() of an expression: only a counter's own range can be counted")
    return selector_of_node(matrix.vector_selector)


def _bare(node: Any) -> Any:
    while isinstance(node, promql.ParenExpr):
        node = node.expr
    return node


def _is_zero(node: Any) -> bool:
    node = _bare(node)
    return isinstance(node, promql.Call) and node.func.name == "vector" and getattr(_bare(node.args[0]), "val", 1) == 0
