"""What may be written as a value in an objective file: each function raises ValueError with what to write instead."""

from __future__ import annotations

import math
import re
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from slo.clock import parse_time
from slo.errors import UsageError
from slo.governance import DAYS, Hours, Labels, equal_labels
from slo.objective import Comparison
from slo.promql.parse import parse_query, parse_selector
from slo.selector import Selector
from slo.units import parse_duration, parse_ratio

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?", re.ASCII)
_LABEL = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)
_CONDITION = re.compile(
    r"\s*(==|!=|<=|>=|<|>)\s*([+-]?(?:\d{1,20}(?:\.\d{0,20})?|\.\d{1,20})(?:[eE][+-]?\d{1,3})?)\s*", re.ASCII
)
# right/ counts leap seconds, posix/ repeats the plain names, posixrules and localtime are what this machine says.
_ZONE = re.compile(
    r"(?!right/|posix/|(?:posixrules|localtime|Factory)$)[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+){0,2}", re.ASCII
)
_NAIVE = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(?::\d\d)?", re.ASCII)
_WHOLE = re.compile(r"([+-]?\d+(?:_\d+)*)(?:\.0+)?", re.ASCII)
_FINE_SECONDS = re.compile(r"(\d{0,12}\.\d{1,12})(ms|s)", re.ASCII)
_DAY_NAME = "(?:mon|tue|wed|thu|fri|sat|sun)"
_HOURS = re.compile(
    rf"(?P<days>{_DAY_NAME}(?:-{_DAY_NAME})?(?:,{_DAY_NAME}(?:-{_DAY_NAME})?){{0,6}}) "
    r"(?P<h1>\d\d):(?P<m1>[0-5]\d)-(?P<h2>\d\d):(?P<m2>[0-5]\d)",
    re.ASCII,
)
_DAY_MINUTES = 1440
_KUBERNETES_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?", re.ASCII)
_LONGEST_TEXT = 2000
_LONGEST_NUMBER = 4300
_MOST_GROUPS = 10_000
_LONGEST_WINDOW_MINUTES = 5 * 365 * 1440


def as_text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a plain value is expected here")
    return value


def as_long_text(value: Any) -> str:
    text = as_text(value)
    if len(text) > _LONGEST_TEXT:
        raise ValueError(f"Value should have at most {_LONGEST_TEXT} items after validation, not {len(text)}")
    return text


def as_filled(text: str) -> str:
    if not text:
        raise ValueError("at least one entry is needed here")
    return text


def as_name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError("a name has at most 63 of a-z, 0-9, - and _, and begins and ends with a letter or digit")
    return text


def as_label_name(text: str) -> str:
    if not _LABEL.fullmatch(text):
        raise ValueError(
            f"{text[:60]!r} is not a label name; use letters, digits and _, not beginning with a digit or __"
        )
    return text


def as_whole_minutes(value: Any) -> int:
    seconds = parse_duration(as_text(value))
    if seconds < 60 or seconds % 60:
        raise ValueError("this must be a whole number of minutes, at least 1m")
    if seconds > _LONGEST_WINDOW_MINUTES * 60:
        raise ValueError("this is longer than five years (5y)")
    return int(seconds) // 60


def as_burn_window(value: Any) -> tuple[int, int | None]:
    """One window, or a long and a short one: 1h, 1h/5m."""
    long, separator, short = as_text(value).partition("/")
    minutes = as_whole_minutes(long)
    if not separator:
        return minutes, None
    if (short_minutes := as_whole_minutes(short)) >= minutes:
        raise ValueError("of two windows the longer one stands first, such as 1h/5m")
    return minutes, short_minutes


def as_share(value: Any) -> Decimal:
    ratio = parse_ratio(as_text(value))
    if ratio > 1:
        raise ValueError("this is more than 100 %; write a percentage such as 90% or a number from 0 to 1")
    return ratio


def as_target(value: Any) -> Decimal:
    text = as_text(value)
    ratio = parse_ratio(text)
    if ratio > 1 and "%" not in text and ratio <= 100:
        raise ValueError(f"{text.strip()} is over 1; as a percentage write {text.strip()}%")
    if not 0 < ratio <= 1:
        raise ValueError("a target is over 0 and at most 100%; write for example 99.9%")
    return ratio


def as_finite_number(value: Any) -> Decimal:
    text = as_text(value)
    if not re.fullmatch(r"\d{1,12}(\.\d{1,12})?", text, re.ASCII):
        raise ValueError("a number is expected here, such as 14.4")
    return Decimal(text)


def as_seconds(value: Any) -> Decimal:
    text = as_text(value)
    # Buckets may be finer than a millisecond, which durations cannot say.
    fine = _FINE_SECONDS.fullmatch(text.strip())
    seconds = Decimal(fine[1]).scaleb(-3 if fine[2] == "ms" else 0) if fine else parse_duration(text)
    if seconds <= 0:
        raise ValueError("this must be more than nothing, such as 300ms")
    return seconds


def as_slice_length(value: Any) -> int:
    minutes = as_whole_minutes(value)
    if 1440 % minutes:
        raise ValueError("the length of time slices must divide a day, such as 1m, 5m or 1h")
    return minutes


def as_selector(value: Any) -> Selector:
    return parse_selector(as_text(value))


def as_query(value: Any) -> str:
    return parse_query(as_text(value))


def as_hours(value: Any) -> Hours:
    """Days and times such as mon-fri 09:00-17:00; the times are on the clocks of a zone that stands elsewhere."""
    match = _HOURS.fullmatch(as_text(value).strip().lower())
    if match is None:
        raise ValueError("write days and times such as 'mon-fri 09:00-17:00'; an end at midnight is 24:00")
    days: list[int] = []
    for part in match["days"].split(","):
        first, _, last = part.partition("-")
        start, end = DAYS.index(first), DAYS.index(last or first)
        if end < start:
            raise ValueError("the days of a stretch stand in the order of the week, from mon to sun")
        days += range(start, end + 1)
    start, end = (int(match[f"h{edge}"]) * 60 + int(match[f"m{edge}"]) for edge in (1, 2))
    if not start < end <= _DAY_MINUTES:
        raise ValueError("the end comes after the start on the same day; write two entries for a stretch over midnight")
    return Hours(days=tuple(sorted(set(days))), start_minute=start, end_minute=end)


def as_target_labels(value: Any) -> Labels:
    labels = equal_labels(as_text(value))
    if not labels:
        raise ValueError("write labels and what they must be, such as app=frontend or app=frontend,tier=web")
    return labels


def as_kubernetes_name(text: str) -> str:
    if not _KUBERNETES_NAME.fullmatch(text):
        raise ValueError("write a name as Kubernetes has it, such as cloudshop-prod")
    return text


def as_histogram(value: Any) -> Selector:
    selector = as_selector(value)
    for suffix in ("_bucket", "_count", "_sum"):
        if selector.metric.endswith(suffix):
            raise ValueError(f"name the histogram without {suffix}: {selector.metric.removesuffix(suffix)}")
    if any(matcher.label == "le" for matcher in selector.matchers):
        raise ValueError("leave out the label le; the threshold chooses the bucket")
    return selector


def as_condition(value: Any) -> tuple[Comparison, float]:
    match = _CONDITION.fullmatch(as_text(value))
    if match is None or not math.isfinite(float(match[2])):
        raise ValueError("write a comparison with a number, such as '== 1'")
    return Comparison(match[1]), float(match[2])


def as_zone(text: str) -> str:
    try:
        if not _ZONE.fullmatch(text):
            raise ValueError(text)
        ZoneInfo(text)
    except (ValueError, OSError, ZoneInfoNotFoundError) as error:
        raise ValueError(f"{text[:60]!r} is not an IANA time zone; write for example Europe/Paris or UTC") from error
    return text


def as_instant(value: Any) -> datetime:
    text = as_text(value)
    try:
        return parse_time(text)
    except UsageError as error:
        raise ValueError(str(error)) from error


def as_wall_time(value: Any) -> datetime:
    """A time that is aware if it is written with a zone."""
    text = as_text(value).strip()
    if not _NAIVE.fullmatch(text):
        return as_instant(text)
    return as_instant(f"{text if text.count(':') == 2 else text + ':00'}Z").replace(tzinfo=None)


def as_link(text: str) -> str:
    if not text.startswith(("https://", "http://")):
        raise ValueError("a web address is expected here; write https://...")
    return text


def as_bool(value: Any) -> bool:
    if value not in ("true", "false"):
        raise ValueError("write true or false")
    return bool(value == "true")


def as_data_age_minutes(value: Any) -> int:
    """A minute is counted when it is over, and the next one a cycle later: data are always older than one minute."""
    minutes = as_whole_minutes(value)
    if minutes < 2:
        raise ValueError("a minute's events are known only after it, so write 2m or more, such as 5m")
    return minutes


def as_wait_minutes(value: Any) -> int:
    return 0 if value in ("0", "0s", "0m") else as_whole_minutes(value)


def as_budget_share(value: Any) -> Fraction:
    return Fraction(parse_ratio(as_text(value)))


def as_number_of_groups(value: Any) -> int:
    match = _WHOLE.fullmatch(value.strip()) if isinstance(value, str) and len(value) <= _LONGEST_NUMBER else None
    if match is None:
        raise ValueError("a whole number is expected here")
    number = int(match[1])
    if number < 1:
        raise ValueError("Input should be greater than or equal to 1")
    if number > _MOST_GROUPS:
        raise ValueError(f"Input should be less than or equal to {_MOST_GROUPS}")
    return number
