"""Alert policies by name: the windows and budget shares of windows/*.yaml."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from functools import cache, lru_cache
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from slo.alert_policy import AlertPolicy, Notification, WindowPair
from slo.spec import schema
from slo.spec.document import read_documents
from slo.spec.problems import problems_of
from slo.spec.schema import WholeMinutes
from slo.units import parse_ratio

_MOST_BYTES = 64 * 1024


class _Pair(BaseModel):
    model_config = ConfigDict(extra="forbid")
    severity: Literal["page", "ticket"]
    long: WholeMinutes
    short: WholeMinutes
    budget_share: Annotated[Decimal, BeforeValidator(parse_ratio)]


class _Policy(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    pairs: Annotated[list[_Pair], Field(min_length=1, max_length=20)]


def policy(alerting: schema.Alerting, folder: Path) -> AlertPolicy:
    """The policy that a document without problems names, with how its alerts are raised."""
    return replace(
        named_policy(alerting.policy, folder),
        runbook=alerting.runbook,
        dashboard=alerting.dashboard,
        labels=MappingProxyType(alerting.labels),
        annotations=MappingProxyType(alerting.annotations),
        page=_notification(alerting.page),
        ticket=_notification(alerting.ticket),
        absent=_notification(alerting.absent),
        needs_evidence=alerting.low_traffic == "binomial",
    )


def named_policy(name: str, folder: Path) -> AlertPolicy:
    """The policy of a name, or of a file relative to the folder. Raises ValueError with what to write instead."""
    if name.endswith((".yaml", ".yml")):
        return _policy_in(folder / name)
    if name not in known_policies():
        known = ", ".join(sorted(known_policies()))
        raise ValueError(f"there is no alert policy {name[:60]!r}; known: {known}, or a file such as ./windows.yaml")
    return known_policies()[name]


@cache
def known_policies() -> dict[str, AlertPolicy]:
    """Every policy that comes with the package, by name."""
    found = {}
    for file in resources.files("slo").joinpath("windows").iterdir():
        if file.name.endswith(".yaml"):
            read = _read_policy(file.read_bytes(), file.name)
            found[read.name] = read
    return found


@lru_cache(maxsize=64)
def _policy_in(file: Path) -> AlertPolicy:
    try:
        with file.open("rb") as content:
            return replace(_read_policy(content.read(_MOST_BYTES + 1), str(file)), name=str(file.name))
    except OSError as error:
        raise ValueError(f"the windows {str(file)!r} cannot be read: {error.strerror or error}") from error


def _read_policy(content: bytes, file: str) -> AlertPolicy:
    """Raises ValueError for content that is no policy."""
    documents, problems = read_documents(content, file)
    if problems or len(documents) != 1 or len(content) > _MOST_BYTES:
        first = problems[0] if problems else f"{file} must hold one short document with name and pairs"
        raise ValueError(str(first))
    try:
        read = _Policy.model_validate(documents[0].data)
    except ValidationError as error:
        raise ValueError(str(problems_of(error, documents[0])[0])) from error
    pairs = tuple(_pair(one) for one in read.pairs)
    for pair in pairs:
        if pair.short_minutes >= pair.long_minutes:
            raise ValueError(f"{file}: the short window of a pair must be shorter than its long one")
    return AlertPolicy(name=read.name, pairs=pairs)


def _notification(entry: schema.NotificationEntry) -> Notification:
    return Notification(
        enabled=entry.enabled,
        labels=MappingProxyType(entry.labels),
        annotations=MappingProxyType(entry.annotations),
        for_minutes=entry.for_,
        keep_firing_for_minutes=entry.keep_firing_for,
    )


def _pair(one: _Pair) -> WindowPair:
    return WindowPair(
        severity=one.severity,
        long_minutes=one.long,
        short_minutes=one.short,
        budget_share=Fraction(one.budget_share),
    )
