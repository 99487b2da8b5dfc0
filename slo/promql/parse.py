"""PromQL text to typed selectors: only what names series, nothing that computes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import promql_parser as promql

from slo.promql.match import compile_regex
from slo.promql.names import METRIC_LABEL
from slo.selector import Matcher, MatchOp, Selector

# Longer text is no selector that a person wrote.
MAX_CHARACTERS = 4096
# The parser's time grows with the square of their number; outside of quotes a selector needs none.
_MAX_OPERATORS = 50
_MOST_QUERY_OPERATORS = 100
_OPERATOR = re.compile(r"[-+*/%^(]")
_LITERAL = re.compile(r""" "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' | `[^`]*` """, re.DOTALL | re.VERBOSE)

_EXAMPLE = 'write a plain selector such as http_requests_total{status=~"5.."}'
_OPS = {
    "MatchOp.Equal": MatchOp.EQUAL,
    "MatchOp.NotEqual": MatchOp.NOT_EQUAL,
    "MatchOp.Re": MatchOp.REGEX,
    "MatchOp.NotRe": MatchOp.NOT_REGEX,
}
# Prometheus takes these as one byte, which alone is not UTF-8; the parser takes them as a character.
_BYTE_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*(\\(?:x[89a-fA-F][0-9a-fA-F]|[23][0-7][0-7]))", re.ASCII)


# The common form: a metric with matchers, without spaces, and without anything in values that would be an escape.
_LABEL = "[a-zA-Z_][a-zA-Z0-9_]*"
_VALUE = r"[ !#-\[\]-~]+"
_MATCHER = rf'{_LABEL}(?:=~|!~|!=|=)"{_VALUE}"'
_PLAIN = re.compile(rf"([a-zA-Z_:][a-zA-Z0-9_:]*)\{{({_MATCHER}(?:,{_MATCHER})*)\}}", re.ASCII)
_PLAIN_MATCHER = re.compile(rf'({_LABEL})(=~|!~|!=|=)"({_VALUE})"', re.ASCII)
_PLAIN_OPS = {op.value: op for op in MatchOp}


@lru_cache(maxsize=4096)
def parse_selector(text: str) -> Selector:
    """The selector that the text spells. Raises ValueError that says what was found and what to write instead."""
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"a selector has at most {MAX_CHARACTERS} characters, this has {len(text)}")
    return _like_another(text) or parse_in_full(text)


def parse_query(text: str) -> str:
    """The text, if it is a query that gives numbers at one time. Raises ValueError that says what it is instead."""
    if not text.strip():
        raise ValueError('the query is empty; write PromQL such as ALERTS{alertstate="firing"}')
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"a query has at most {MAX_CHARACTERS} characters, this has {len(text)}")
    if len(_OPERATOR.findall(_LITERAL.sub("", text))) > _MOST_QUERY_OPERATORS:
        raise ValueError("the query has too many operators; record a part of it by a rule")
    try:
        found: object = promql.parse(text)
        while isinstance(found, promql.ParenExpr):
            found = found.expr
    except (ValueError, OverflowError) as error:
        raise ValueError(f"not PromQL: {_syntax(str(error))}") from None
    if isinstance(found, (promql.MatrixSelector, promql.SubqueryExpr, promql.StringLiteral)):
        raise ValueError("the query gives no number at one time; write an instant vector or a number")
    return text


def _like_another(text: str) -> Selector | None:
    """The selector where the parser has read one that differs in compared values alone, at a tenth of its time.

    To the parser the values of = and != are opaque. None where the text is not of the common form, or refused.
    """
    plain = _PLAIN.fullmatch(text)
    if plain is None:
        return None
    parts = _PLAIN_MATCHER.findall(plain[2])
    shape = tuple((label, op, value if "~" in op else "x") for label, op, value in parts)
    return _selector_of(plain[1], parts) if _is_what_it_looks_like(plain[1], shape) else None


@lru_cache(maxsize=4096)
def _is_what_it_looks_like(metric: str, parts: tuple[tuple[str, str, str], ...]) -> bool:
    """Whether the parser, too, finds this metric and these matchers: no keyword among them, no second metric."""
    inside = ",".join(f'{label}{op}"{value}"' for label, op, value in parts)
    try:
        return parse_in_full(f"{metric}{{{inside}}}") == _selector_of(metric, parts)
    except ValueError:
        return False


def _selector_of(metric: str, parts: Sequence[tuple[str, str, str]]) -> Selector:
    return Selector(metric, frozenset(Matcher(label, _PLAIN_OPS[op], value) for label, op, value in parts))


def parse_in_full(text: str) -> Selector:
    """The selector as the parser finds it, whatever was parsed before. Raises ValueError."""
    if not text.strip():
        raise ValueError(f"the selector is empty; {_EXAMPLE}")
    if len(_OPERATOR.findall(_LITERAL.sub("", text))) > _MAX_OPERATORS:
        raise ValueError(f"more than {_MAX_OPERATORS} operators and parentheses are not a selector; {_EXAMPLE}")
    if found := _BYTE_ESCAPE.search(text):
        raise ValueError(f"{found[1]} is not a character in PromQL; write the character itself")
    try:
        node = promql.parse(text)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"not PromQL: {_syntax(str(error))}; {_EXAMPLE}") from None
    if isinstance(node, promql.VectorSelector):
        return selector_of_node(node)
    raise ValueError(_refusal(node))


def selector_of_node(node: promql.VectorSelector) -> Selector:
    """The selector of a parsed query's part. Raises ValueError for modifiers and for what names no single metric."""
    _refuse_modifiers(node)
    return _selector(node)


def _syntax(reason: str) -> str:
    return " ".join(reason.split())[:200]


def _refusal(node: object) -> str:
    """What was found in the place of a selector."""
    if isinstance(node, promql.MatrixSelector):
        return "the range [...] is not part of a selector; leave it out, the project chooses the interval"
    if isinstance(node, promql.SubqueryExpr):
        return f"a subquery is not a selector; {_EXAMPLE}"
    if isinstance(node, promql.ParenExpr):
        return "parentheses are not part of a selector; leave them out"
    if isinstance(node, promql.Call):
        return (
            f"the function {node.func.name}() is not a selector; name the raw counter, the project counts its increase"
        )
    if isinstance(node, promql.AggregateExpr):
        return f"the aggregation {node.op} is not a selector; name the raw series, the project adds them up"
    if isinstance(node, promql.BinaryExpr):
        return f"the operator {node.op} is not part of a selector; {_EXAMPLE}"
    return f"a number, text or sign is not a selector; {_EXAMPLE}"


def _refuse_modifiers(node: promql.VectorSelector) -> None:
    if node.offset is not None:
        raise ValueError("offset is not part of a selector; leave it out, the project chooses the time")
    if node.at is not None:
        raise ValueError("@ is not part of a selector; leave it out, the project chooses the time")
    if node.matchers.or_matchers:
        raise ValueError(
            '`or` between matchers is not accepted; write one regular expression, such as status=~"500|502"'
        )


def _selector(node: promql.VectorSelector) -> Selector:
    metrics = [] if node.name is None else [node.name]
    matchers = []
    for found in node.matchers.matchers:
        op = _OPS[str(found.op)]
        if found.name != METRIC_LABEL:
            matchers.append(_matcher(found.name, op, found.value))
        elif op is MatchOp.EQUAL:
            metrics.append(found.value)
        else:
            raise ValueError(f"{METRIC_LABEL}{op.value} does not name one metric; {_EXAMPLE}")
    return Selector(_metric(metrics), frozenset(matchers))


def _matcher(label: str, op: MatchOp, value: str) -> Matcher:
    if not label:
        raise ValueError('a matcher without a label name; write one, such as status="500"')
    if op in (MatchOp.REGEX, MatchOp.NOT_REGEX):
        compile_regex(value)
    return Matcher(label, op, value)


def _metric(names: Sequence[str]) -> str:
    if len(set(names)) > 1:
        raise ValueError(f"two metrics are named, {names[0]} and {names[1]}; write one")
    if not names or not names[0]:
        raise ValueError(f"no metric is named; {_EXAMPLE}")
    return names[0]
