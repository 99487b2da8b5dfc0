"""The shape of an objective file, as pydantic models: every field's form, each error with what to write instead."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    WrapValidator,
    model_validator,
)

from slo.clock import parse_time
from slo.errors import UsageError
from slo.objective import Comparison
from slo.promql.parse import parse_selector
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
_FINE_SECONDS = re.compile(r"(\d{0,12}\.\d{1,12})(ms|s)", re.ASCII)
_LONGEST_WINDOW_MINUTES = 5 * 365 * 1440


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a plain value is expected here")
    return value


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError("a name has at most 63 of a-z, 0-9, - and _, and begins and ends with a letter or digit")
    return text


def _label_name(text: str) -> str:
    if not _LABEL.fullmatch(text):
        raise ValueError(
            f"{text[:60]!r} is not a label name; use letters, digits and _, not beginning with a digit or __"
        )
    return text


def _whole_minutes(value: Any) -> int:
    seconds = parse_duration(_text(value))
    if seconds < 60 or seconds % 60:
        raise ValueError("this must be a whole number of minutes, at least 1m")
    if seconds > _LONGEST_WINDOW_MINUTES * 60:
        raise ValueError("this is longer than five years (5y)")
    return int(seconds) // 60


def _share(value: Any) -> Decimal:
    ratio = parse_ratio(_text(value))
    if ratio > 1:
        raise ValueError("this is more than 100 %; write a percentage such as 90% or a number from 0 to 1")
    return ratio


def _target(value: Any) -> Decimal:
    text = _text(value)
    ratio = parse_ratio(text)
    if ratio > 1 and "%" not in text and ratio <= 100:
        raise ValueError(f"{text.strip()} is over 1; as a percentage write {text.strip()}%")
    if not 0 < ratio <= 1:
        raise ValueError("a target is over 0 and at most 100%; write for example 99.9%")
    return ratio


def _finite_number(value: Any) -> Decimal:
    text = _text(value)
    if not re.fullmatch(r"\d{1,12}(\.\d{1,12})?", text, re.ASCII):
        raise ValueError("a number is expected here, such as 14.4")
    return Decimal(text)


def _seconds(value: Any) -> Decimal:
    text = _text(value)
    # Buckets may be finer than a millisecond, which durations cannot say.
    fine = _FINE_SECONDS.fullmatch(text.strip())
    seconds = Decimal(fine[1]).scaleb(-3 if fine[2] == "ms" else 0) if fine else parse_duration(text)
    if seconds <= 0:
        raise ValueError("this must be more than nothing, such as 300ms")
    return seconds


def _slice_length(value: Any) -> int:
    minutes = _whole_minutes(value)
    if 1440 % minutes:
        raise ValueError("the length of time slices must divide a day, such as 1m, 5m or 1h")
    return minutes


def _selector(value: Any) -> Selector:
    return parse_selector(_text(value))


def _histogram(value: Any) -> Selector:
    selector = _selector(value)
    for suffix in ("_bucket", "_count", "_sum"):
        if selector.metric.endswith(suffix):
            raise ValueError(f"name the histogram without {suffix}: {selector.metric.removesuffix(suffix)}")
    if any(matcher.label == "le" for matcher in selector.matchers):
        raise ValueError("leave out the label le; the threshold chooses the bucket")
    return selector


def _condition(value: Any) -> tuple[Comparison, float]:
    match = _CONDITION.fullmatch(_text(value))
    if match is None or not math.isfinite(float(match[2])):
        raise ValueError("write a comparison with a number, such as '== 1'")
    return Comparison(match[1]), float(match[2])


def _zone(text: str) -> str:
    try:
        if not _ZONE.fullmatch(text):
            raise ValueError(text)
        ZoneInfo(text)
    except (ValueError, OSError, ZoneInfoNotFoundError) as error:
        raise ValueError(f"{text[:60]!r} is not an IANA time zone; write for example Europe/Paris or UTC") from error
    return text


def _instant(value: Any) -> datetime:
    text = _text(value)
    try:
        return parse_time(text)
    except UsageError as error:
        raise ValueError(str(error)) from error


def _link(text: str) -> str:
    if not text.startswith(("https://", "http://")):
        raise ValueError("a web address is expected here; write https://...")
    return text


def _bool(value: Any) -> bool:
    if value not in ("true", "false"):
        raise ValueError("write true or false")
    return bool(value == "true")


def _wait_minutes(value: Any) -> int:
    return 0 if value in ("0", "0s", "0m") else _whole_minutes(value)


def _distinct(values: list[str]) -> list[str]:
    if len(set(values)) != len(values):
        raise ValueError("each label can stand here only once")
    return values


def _distinct_windows(value: Any, handler: Callable[[Any], dict[int, Decimal]]) -> dict[int, Decimal]:
    windows = handler(value)
    if len(windows) < len(value):
        raise ValueError("two of these windows are equally long; keep one")
    return windows


Text = Annotated[str, BeforeValidator(_text), Field(max_length=2000)]
Name = Annotated[str, BeforeValidator(_text), AfterValidator(_name)]
LabelName = Annotated[str, BeforeValidator(_text), AfterValidator(_label_name)]
Labels = dict[LabelName, Text]
WholeMinutes = Annotated[int, BeforeValidator(_whole_minutes)]
WaitMinutes = Annotated[int, BeforeValidator(_wait_minutes)]
Bool = Annotated[bool, BeforeValidator(_bool)]
Link = Annotated[str, BeforeValidator(_text), AfterValidator(_link)]
Share = Annotated[Decimal, BeforeValidator(_share)]
Target = Annotated[Decimal, BeforeValidator(_target)]
Number = Annotated[Decimal, BeforeValidator(_finite_number)]
Seconds = Annotated[Decimal, BeforeValidator(_seconds)]
Condition = Annotated[tuple[Comparison, float], BeforeValidator(_condition)]
Zone = Annotated[str, BeforeValidator(_text), AfterValidator(_zone)]
Instant = Annotated[datetime, BeforeValidator(_instant)]
SliceLength = Annotated[int, BeforeValidator(_slice_length)]
Histogram = Annotated[Selector, BeforeValidator(_histogram)]
Series = Annotated[Selector, BeforeValidator(_selector)]
MaybeSeries = Annotated[Selector | None, BeforeValidator(_selector)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Calendar(_Strict):
    calendar: Literal["day", "week", "month", "quarter", "year"]
    time_zone: Zone = "UTC"


def _form(value: Any) -> str:
    return "mapping" if isinstance(value, dict) else "text"


# Chosen by form, so that a mistake is told for the form that was written and not for every other one as well.
Window = Annotated[Annotated[WholeMinutes, Tag("text")] | Annotated[Calendar, Tag("mapping")], Discriminator(_form)]
Chosen = Annotated[
    Annotated[Text, Field(min_length=1), Tag("text")] | Annotated[Labels, Field(min_length=1), Tag("mapping")],
    Discriminator(_form),
]


class Slices(_Strict):
    length: SliceLength
    target: Target
    empty: Literal["good", "bad", "exclude"]


class Ratio(_Strict):
    bad: MaybeSeries = None
    good: MaybeSeries = None
    total: Series


class Latency(_Strict):
    histogram: Histogram
    threshold: Seconds
    unit: Literal["seconds", "milliseconds"] = "seconds"


class Probe(_Strict):
    series: Series
    good_when: Condition


class Sli(_Strict):
    ratio: Ratio | None = None
    latency: Latency | None = None
    probe: Probe | None = None


class ObjectiveEntry(_Strict):
    name: Name
    description: Text = ""
    target: Target
    window: Window
    labels: Labels = {}
    prometheus: Name = ""
    min_coverage: Share = Decimal("0.9")
    min_observed: Share = Decimal("0.1")
    max_groups: Annotated[int, Field(ge=1, le=10_000)] = 200
    time_slices: Slices | None = None
    group_by: Annotated[list[LabelName], AfterValidator(_distinct)] = []
    sli: Sli


class NotificationEntry(_Strict):
    enabled: Bool = True
    labels: Labels = {}
    annotations: Labels = {}
    for_: Annotated[WaitMinutes, Field(alias="for")] = 0
    keep_firing_for: WaitMinutes = 0


class AbsentEntry(NotificationEntry):
    for_: Annotated[WaitMinutes, Field(alias="for")] = 5


class Alerting(_Strict):
    policy: Text = "sre-workbook"
    runbook: Link = ""
    dashboard: Link = ""
    labels: Labels = {}
    annotations: Labels = {}
    page: NotificationEntry = NotificationEntry()
    ticket: NotificationEntry = NotificationEntry()
    absent: AbsentEntry = AbsentEntry()
    low_traffic: Literal["binomial", "off"] = "binomial"


class FreezeEntry(_Strict):
    start: Instant
    end: Instant
    reason: Text

    @model_validator(mode="after")
    def _ends_after_its_start(self) -> FreezeEntry:
        if self.end <= self.start:
            raise ValueError("a freeze ends after its start")
        return self


Answer = Literal["deny", "allow"]
Answers = dict[Literal["stale", "no_data", "young", "no_traffic"], Answer]


class GateEntry(_Strict):
    name: Name
    objectives: Annotated[list[Chosen], Field(min_length=1)]
    min_budget_remaining: Share | None = None
    max_burn_rate: Annotated[dict[WholeMinutes, Number], WrapValidator(_distinct_windows)] = {}
    max_data_age: WholeMinutes = 5
    on_unknown: Annotated[Annotated[Answer, Tag("text")] | Annotated[Answers, Tag("mapping")], Discriminator(_form)] = (
        "deny"
    )
    freeze: list[FreezeEntry] = []


class FileDocument(_Strict):
    service: Name = ""
    labels: Labels = {}
    prometheus: Name = ""
    objectives: list[ObjectiveEntry] = []
    alerting: Alerting = Alerting()
    gates: list[GateEntry] = []
