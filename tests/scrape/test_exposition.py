"""Bodies become samples as Prometheus would name them, and hostile ones become one clear line."""

from __future__ import annotations

import math
import re

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import choose_encoder

from slo.errors import DataError
from slo.source.exposition import ExposedSample, Limits, parse_exposition
from tests.scrape.servers import OPENMETRICS, TEXT


def names(body: str, content_type: str = TEXT) -> set[str]:
    return {sample.name for sample in parse_exposition(body.encode(), content_type)}


def test_a_text_sample_keeps_its_name_labels_value_and_own_time() -> None:
    body = b'# HELP a Help.\n# TYPE a counter\na{b="c\\"\\n",le="+Inf"} 12.5 1700000000123\n'
    assert parse_exposition(body, TEXT) == [ExposedSample("a", {"b": 'c"\n', "le": "+Inf"}, 12.5, 1_700_000_000_123)]


def test_a_counter_without_total_in_its_name_is_not_renamed() -> None:
    assert names("# TYPE logins counter\nlogins 1\n# TYPE visits_total counter\nvisits_total 2\n") == {
        "logins",
        "visits_total",
    }


def test_openmetrics_samples_keep_their_names_and_creation_times() -> None:
    registry = CollectorRegistry()
    Counter("http_requests_total", "Requests.", registry=registry).inc(3)
    Histogram("http_request_duration_seconds", "Time.", registry=registry).observe(0.2)
    encode, content_type = choose_encoder(OPENMETRICS)
    assert names(encode(registry).decode(), content_type) == {
        "http_requests_total",
        "http_requests_created",
        *(f"http_request_duration_seconds_{part}" for part in ("bucket", "count", "sum", "created")),
    }


def test_openmetrics_times_are_in_seconds() -> None:
    body = b'# TYPE a counter\na_total 1 1700000000.123 # {trace="x"} 0.5\n# EOF\n'
    assert parse_exposition(body, OPENMETRICS) == [ExposedSample("a_total", {}, 1.0, 1_700_000_000_123)]


def test_not_a_number_and_infinity_are_values() -> None:
    values = [sample.value for sample in parse_exposition(b"a NaN\nb +Inf\nc -Inf\n", TEXT)]
    assert math.isnan(values[0])
    assert values[1:] == [math.inf, -math.inf]


def test_nothing_is_an_answer_too_and_a_missing_content_type_means_text() -> None:
    assert parse_exposition(b"", TEXT) == []
    assert [sample.name for sample in parse_exposition(b"a 1\n", "")] == ["a"]


@pytest.mark.parametrize(
    ("body", "content_type", "message"),
    [
        (b"<html><body>It works!</body></html>\n", TEXT, "line 1 cannot be parsed"),
        (b"<html>\n", "text/html", "'text/html' is not a format of metrics"),
        (b"{}", "application/json", "'application/json' is not a format of metrics"),
        (b"a 1\nb{c=\n", TEXT, "line 2 cannot be parsed"),
        (b"a 1\nb one\n", TEXT, "line 2 cannot be parsed"),
        (b"a 1\n\xff\xfe 2\n", TEXT, "is not UTF-8"),
        (b"a 1\nrequests_total 12", TEXT, "line 2, the last, has no end"),
        (b"a_total 1\n", OPENMETRICS, "Missing # EOF"),
        (b"a_total 1\n# EOF\nb 1\n", OPENMETRICS, "line 3 cannot be parsed"),
        (b"a " + b"9" * 400 + b"\n", TEXT, "line 1 cannot be parsed"),
        (b"a 1 NaN\n", TEXT, "cannot be parsed"),
        (b"a 1 +Inf\n", TEXT, "cannot be parsed"),
        (b'a{b="' + b"x" * 20_000 + b'"} 1\n', TEXT, "line 1 is longer than 16384 characters"),
        (b"\x00\x01\x02\n" * 5, TEXT, "line 1 cannot be parsed"),
        (b"# TYPE a summary\na 1\n# EOF\n", OPENMETRICS, "cannot be parsed"),
    ],
)
def test_a_body_that_cannot_be_read_says_where_and_why(body: bytes, content_type: str, message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)) as raised:
        parse_exposition(body, content_type)
    assert len(str(raised.value)) < 300
    assert str(raised.value).isprintable()


def test_50_000_series_are_read_and_one_more_is_refused() -> None:
    body = b"".join(b"a%d 1\n" % number for number in range(50_000))
    assert len(parse_exposition(body, TEXT)) == 50_000
    with pytest.raises(DataError, match="more than 50000 series"):
        parse_exposition(body + b"one_more 1\n", TEXT)


@pytest.mark.parametrize("content_type", [TEXT, OPENMETRICS])
def test_a_body_that_keeps_the_parser_busy_is_given_up(content_type: str) -> None:
    evil = b'a{b="' + b'\\"' * 8000 + b'"} 1\n'
    with pytest.raises(DataError, match="parsing took longer than"):
        parse_exposition(evil * 600, content_type, Limits(parse_seconds=0.1))
