"""Alert policies by name: the windows and budget shares of windows/*.yaml."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from functools import cache
from importlib import resources
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict

from slo.alert_policy import AlertPolicy, WindowPair
from slo.spec.document import read_documents
from slo.spec.schema import WholeMinutes
from slo.units import parse_ratio


class _Pair(BaseModel):
    model_config = ConfigDict(extra="forbid")
    severity: Literal["page", "ticket"]
    long: WholeMinutes
    short: WholeMinutes
    budget_share: Annotated[Decimal, BeforeValidator(parse_ratio)]


class _Policy(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    pairs: list[_Pair]


def policy(name: str, runbook: str) -> AlertPolicy:
    """The policy of a known name."""
    return replace(known_policies()[name], runbook=runbook)


@cache
def known_policies() -> dict[str, AlertPolicy]:
    """Every policy that comes with the package, by name."""
    found = {}
    for file in resources.files("slo").joinpath("windows").iterdir():
        if file.name.endswith(".yaml"):
            [document], _ = read_documents(file.read_bytes(), file.name)
            read = _Policy.model_validate(document.data)
            found[read.name] = AlertPolicy(name=read.name, pairs=tuple(_pair(one) for one in read.pairs))
    return found


def _pair(one: _Pair) -> WindowPair:
    return WindowPair(
        severity=one.severity,
        long_minutes=one.long,
        short_minutes=one.short,
        budget_share=Fraction(one.budget_share),
    )
