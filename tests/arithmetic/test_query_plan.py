"""The fewest queries that bring all series."""

from decimal import Decimal

import pytest
import re2

from slo.objective import Comparison, LatencySLI, ProbeSLI, RatioSLI
from slo.promql.le import canonical_le, le_spellings
from slo.selector import Matcher, MatchOp, Selector
from slo.source.query_plan import Role, plan_queries
from slo.window import Interval
from tests.arithmetic.objectives import TOTAL, objective


def test_bad_and_total_of_one_metric_share_a_query() -> None:
    queries = plan_queries([(objective(), Interval(10, 20)), (objective(name="week"), Interval(5, 15))])
    assert [(query.selector, query.interval) for query in queries] == [(TOTAL, Interval(5, 20))]
    assert {(use.objective.name, use.role) for use in queries[0].uses} == {
        (name, role) for name in ("availability", "week") for role in (Role.TOTAL, Role.BAD)
    }


def test_selectors_of_other_series_have_queries_of_their_own() -> None:
    stage = Selector("http_requests_total", frozenset({Matcher("namespace", MatchOp.EQUAL, "stage")}))
    other = objective(name="other", sli=RatioSLI(total=stage, good=stage.where("status", MatchOp.EQUAL, "200")))
    queries = plan_queries([(objective(), Interval(0, 1)), (other, Interval(0, 1))])
    assert {query.selector for query in queries} == {TOTAL, stage}


def test_a_bare_metric_serves_all_its_selectors() -> None:
    bare = Selector("http_requests_total")
    everything = objective(name="all", sli=RatioSLI(total=bare, bad=bare.where("status", MatchOp.REGEX, "5..")))
    queries = plan_queries([(objective(), Interval(0, 1)), (everything, Interval(0, 1))])
    assert [query.selector for query in queries] == [bare]


def test_a_gauge_never_shares_with_a_counter() -> None:
    probe = objective(name="up", sli=ProbeSLI(series=TOTAL, comparison=Comparison.EQUAL, value=1.0))
    queries = plan_queries([(objective(), Interval(0, 1)), (probe, Interval(0, 1))])
    assert [(query.selector, query.is_gauge) for query in queries] == [(TOTAL, False), (TOTAL, True)]


def test_a_latency_objective_needs_its_count_and_one_bucket() -> None:
    latency = objective(sli=LatencySLI(histogram=Selector("latency_seconds"), threshold=Decimal(1)))
    queries = plan_queries([(latency, Interval(0, 1))])
    bucket = Selector("latency_seconds_bucket", frozenset({Matcher("le", MatchOp.REGEX, le_spellings(Decimal(1)))}))
    assert {(query.selector, query.uses[0].role) for query in queries} == {
        (Selector("latency_seconds_count"), Role.TOTAL),
        (bucket, Role.GOOD),
    }


@pytest.mark.parametrize(
    ("bound", "spelled", "others"),
    [
        ("1", ["1", "1.0", "1.00", "1e+00"], ["10", "11", "1x0", ""]),
        ("0.3", ["0.3", "0.30", "3e-01"], ["0x3", "0.33", "00.3"]),
        ("0.300", ["0.3"], []),
        ("2.5", ["2.5"], ["2x5"]),
        ("1000000", ["1000000", "1e+06", "1000000.0"], []),
        ("0.00001", ["0.00001", "1e-05"], []),
        ("1500000", ["1.5e+06", "1500000"], ["1x5e+06"]),
    ],
)
def test_a_bound_is_found_in_every_spelling(bound: str, spelled: list[str], others: list[str]) -> None:
    pattern = le_spellings(Decimal(bound))
    for text in spelled:
        assert re2.fullmatch(pattern, text), text
        assert canonical_le(text) == canonical_le(bound)
    for text in others:
        assert not re2.fullmatch(pattern, text), text


def test_what_is_no_number_keeps_its_spelling() -> None:
    assert canonical_le("+Inf") == "inf"
    assert canonical_le("fast") == "fast"
