"""Selectors: from PromQL to values, back to PromQL, and applied to labels."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from slo.promql.match import compiled, matches
from slo.promql.parse import parse_in_full, parse_selector
from slo.promql.text import range_text, selector_text
from slo.selector import Matcher, MatchOp, Selector

PLAIN = Selector("x", frozenset({Matcher("a", MatchOp.EQUAL, "b")}))

anything = st.text(max_size=20)
names = st.text(min_size=1, max_size=12) | st.from_regex(r"[a-z_:][a-z0-9_:]{0,8}", fullmatch=True)
labels = names.filter(lambda name: name != "__name__")
comparisons = st.builds(Matcher, labels, st.sampled_from([MatchOp.EQUAL, MatchOp.NOT_EQUAL]), anything)
patterns = st.sampled_from(["", "5..", "a|b", ".*", "[a-z]+", r"\d{3}", "é.", r"\.", "(?i)x"])
regexes = st.builds(Matcher, labels, st.sampled_from([MatchOp.REGEX, MatchOp.NOT_REGEX]), patterns)
selectors = st.builds(Selector, names, st.frozensets(comparisons | regexes, max_size=4))


@given(selectors)
@example(Selector("inf"))
@example(Selector("NaN", frozenset({Matcher("on", MatchOp.EQUAL, "")})))
@example(Selector("offset"))
@example(Selector("sum", frozenset({Matcher("by", MatchOp.EQUAL, "\\\"'`\n\r\t\x00\x07\x7f\x80\xa0\u2028\ufeff😀")})))
def test_what_is_written_is_read_back_as_the_same_selector(selector: Selector) -> None:
    assert parse_selector(selector_text(selector)) == selector


@pytest.mark.parametrize(
    "keyword",
    "and atan2 bool by end group group_left group_right ignoring inf nan offset on or start unless without count avg "
    "time quantile limitk info fill anchored smoothed step range".split(),
)
def test_a_metric_or_label_may_be_called_like_a_keyword(keyword: str) -> None:
    selector = Selector(keyword, frozenset({Matcher(keyword, MatchOp.EQUAL, keyword)}))
    assert parse_selector(selector_text(selector)) == selector
    assert parse_selector(selector_text(Selector(keyword))) == Selector(keyword)


plain_labels = st.sampled_from(["a", "status", "__name__", "on", "by", "le", "anchored", "inf", "bool", "B_1"])
plain_values = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=8) | st.sampled_from(
    ["x", "5..", "(", "a|b", "\\", "#", "{", "rate(x[5m])", "\\xff", "é"]
)
plain_matchers = st.builds(
    "{}{}{}{}{}".format,
    plain_labels,
    st.sampled_from(["=", "!=", "=~", "!~", "==", "=@"]),
    st.just('"'),
    plain_values,
    st.sampled_from(['"', '"', '"', "", '" ']),
)
plain_texts = st.builds(
    lambda metric, matchers, separator, end: f"{metric}{{{separator.join(matchers)}{end}",
    st.sampled_from(["x", "http_requests_total", "sum", "on", "nan", "offset", "a:b", "time", "1x", ""]),
    st.lists(plain_matchers, max_size=4),
    st.sampled_from([",", ",", ",", "", " , ", " or "]),
    st.sampled_from(["}", "}", "}", ",}", "} offset 5m", "[5m]}", "}[5m]", "} # x"]),
)


def outcome(parse: Callable[[str], Selector], text: str) -> Selector | str:
    try:
        return parse(text)
    except ValueError as error:
        return str(error)


@settings(max_examples=500)
@given(plain_texts)
@example('x{a=~"b=",c="d"}')
@example('x{__name__="y"}')
@example('x{a="b"c="d"}')
def test_a_selector_like_one_that_was_parsed_is_what_the_parser_makes_of_it(text: str) -> None:
    assert outcome(parse_selector, text) == outcome(parse_in_full, text)


@given(st.lists(comparisons, max_size=5, unique=True))
def test_the_order_of_matchers_does_not_show(found: list[Matcher]) -> None:
    assert selector_text(Selector("x", frozenset(found))) == selector_text(Selector("x", frozenset(found[::-1])))


@pytest.mark.parametrize(
    ("selector", "text"),
    [
        (Selector("x"), "x"),
        (PLAIN, 'x{a="b"}'),
        (PLAIN.where("Z", MatchOp.NOT_REGEX, "\n"), 'x{Z!~"\\n",a="b"}'),
        (PLAIN.renamed("foo.bar").where("a.b", MatchOp.EQUAL, '"'), '{"foo.bar",a="b","a.b"="\\""}'),
        (Selector("offset", frozenset({Matcher("a", MatchOp.EQUAL, "b")})), '{__name__="offset",a="b"}'),
        (Selector("job:x:rate", frozenset({Matcher("a", MatchOp.EQUAL, "\x07\\")})), 'job:x:rate{a="\\u0007\\\\"}'),
    ],
)
def test_a_selector_is_spelled_as_prometheus_reads_it(selector: Selector, text: str) -> None:
    assert selector_text(selector) == text


def test_a_range_is_in_milliseconds() -> None:
    assert range_text(PLAIN, 60_001) == 'x{a="b"}[60001ms]'


@pytest.mark.parametrize(
    "text",
    ["x{a='b'}", "x{a=`b`}", '{__name__="x",a="b"}', '{"x",a="b"}', ' x { a = "b" , } # why', 'x{"a"="b",a="b"}'],
)
def test_every_spelling_of_a_selector_is_the_same_value(text: str) -> None:
    assert parse_selector(text) == PLAIN


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("rate(x[5m])", "rate()"),
        ("sum(x)", "sum"),
        ("x[5m]", "range"),
        ("x[5m:1m]", "subquery"),
        ("x offset 5m", "offset"),
        ("x @ 5", "@"),
        ('x{a="b" or c="d"}', "`or`"),
        ("x / y", "operator /"),
        ("-x", "sign"),
        ("(x)", "parentheses"),
        ("5", "number"),
        ('"x"', "text"),
        ('{a="b"}', "no metric"),
        ('{a="b",__name__=""}', "no metric"),
        ('{__name__=~"x.*"}', "__name__=~"),
        ('{a="b",__name__!="x"}', "__name__!="),
        ('{"x","y"}', "two metrics"),
        ('x{__name__="y"}', "metric name must not be set twice"),
        ('x{a=~"("}', "regex"),
        ('x{a=~"(?=b)"}', "regex"),
        ('x{a=~"b{1001}"}', "not a regular expression"),
        ('x{a="\\x80"}', "\\x80"),
        ('x{a="\\\\\\377"}', "\\377"),
        ('x{a="b"', "not PromQL"),
        ("x{", "not PromQL"),
        ('x{""="b"}', "label name"),
        ("x y", "not PromQL"),
        ("(" * 4000, "more than 50 operators"),
        ("-" * 4000 + "x", "more than 50 operators"),
        ("(" * 50 + "x" + ")" * 50, "leave them out"),
        ("x" * 4097, "at most 4096 characters, this has 4097"),
    ],
)
def test_what_is_not_a_plain_selector_is_refused_with_what_was_found(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=re.escape(complaint)):
        parse_selector(text)


def test_what_looks_like_operators_inside_quotes_is_text() -> None:
    text = "(a-b)+" * 100
    assert parse_selector(f'x{{a="{text}"}}') == Selector("x", frozenset({Matcher("a", MatchOp.EQUAL, text)}))


def test_a_backslash_before_hexadecimal_digits_is_no_byte() -> None:
    selector = parse_selector('x{a="c:\\\\x80"}')
    assert selector == Selector("x", frozenset({Matcher("a", MatchOp.EQUAL, "c:\\x80")}))


@given(st.text(alphabet="ax{}=~\"'`\\!()[],:@5m or\n", max_size=40))
def test_any_text_is_a_selector_or_a_value_error(text: str) -> None:
    try:
        selector = parse_selector(text)
    except ValueError as error:
        assert str(error)
    else:
        assert parse_selector(selector_text(selector)) == selector


@pytest.mark.parametrize(
    ("matcher", "value", "holds"),
    [
        ('a="b"', "b", True),
        ('a="b"', "bb", False),
        ('a!="b"', "bb", True),
        ('a=~"5.."', "500", True),
        ('a=~"5.."', "5000", False),
        ('a=~"5.."', "x500", False),
        ('a=~"b|c"', "cb", False),
        ('a=~"b|c"', "c", True),
        ('a=~"^b$"', "b", True),
        ('a=~"b.c"', "b\nc", True),
        ('a!~"b.*"', "bcd", False),
        ('a!~"b.*"', "cb", True),
        ('a=~"(?i)b"', "B", True),
        ('a=~"é."', "éé", True),
    ],
)
def test_a_comparison_is_anchored_at_both_ends(matcher: str, value: str, holds: bool) -> None:
    assert matches(parse_selector(f"x{{{matcher}}}"), {"a": value, "c": "d"}) is holds


@pytest.mark.parametrize(
    ("matcher", "holds"),
    [('a=""', True), ('a!=""', False), ('a=~".*"', True), ('a=~".+"', False), ('a!~".+"', True), ('a!="b"', True)],
)
def test_an_absent_label_is_the_empty_string(matcher: str, holds: bool) -> None:
    assert matches(parse_selector(f"x{{{matcher}}}"), {}) is holds
    assert matches(parse_selector(f"x{{{matcher}}}"), {"a": ""}) is holds


def test_every_matcher_must_hold_and_the_metric_is_not_looked_at() -> None:
    test = compiled(parse_selector('x{a="b",a=~"b|c",d!="e"}'))
    assert test({"a": "b", "__name__": "y"})
    assert not test({"a": "c"})
    assert not test({"a": "b", "d": "e"})


def test_a_pattern_that_would_explode_by_backtracking_is_answered_at_once() -> None:
    assert not matches(parse_selector('x{a=~"(a+)+b"}'), {"a": "a" * 10_000})
