"""What a look at one thing found, and how all of it is told. Pure."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from slo.clock import format_time
from slo.errors import SLOError
from slo.render.text import printable

SCHEMA = "slo.doctor/v1"
_WIDTH = 110


class State(Enum):
    HOLDS = "holds"
    FAILS = "fails"
    UNKNOWN = "unknown"
    """It was asked, and there was no answer to tell by."""
    SKIPPED = "skipped"
    """Nobody said where to look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """check: what should be so; found: what is; cure: what to do, "" where it holds."""

    check: str
    state: State
    found: str
    cure: str = ""


Look = Callable[[], Finding]


def found(check: str, holds: bool, what: str, cure: str) -> Finding:
    """The cure is told only where it does not hold."""
    return Finding(check=check, state=State.HOLDS if holds else State.FAILS, found=what, cure="" if holds else cure)


def looked(check: str, look: Look, cure: str) -> Finding:
    """What a look finds; unknown where it raises an SLOError: a question without an answer is no good sign."""
    try:
        return look()
    except SLOError as error:
        return Finding(check=check, state=State.UNKNOWN, found=str(error), cure=cure)


def skipped(checks: Iterable[str], cure: str) -> list[Finding]:
    return [Finding(check=check, state=State.SKIPPED, found="not looked at", cure=cure) for check in checks]


def as_text(findings: Sequence[Finding]) -> str:
    """A line for each, what was found below it, and what to do."""
    lines = []
    for one in findings:
        if one.state is State.SKIPPED:
            lines.append(f"{one.state.value:8}{one.check} (needs {one.cure})")
            continue
        lines.append(f"{one.state.value:8}{one.check}")
        lines += _below(one.found, "")
        lines += _below(one.cure, "do: ")
    counts = [f"{sum(one.state is state for one in findings)} {state.value}" for state in State]
    return "".join(f"{line}\n" for line in [*lines, ", ".join(counts)])


def as_json(findings: Sequence[Finding], at: datetime) -> str:
    document = {
        "schema": SCHEMA,
        "at": format_time(at),
        "checks": [
            {"check": one.check, "state": one.state.value, "found": one.found, "cure": one.cure} for one in findings
        ],
    }
    return json.dumps(document, indent=2) + "\n"


def _below(text: str, lead: str) -> list[str]:
    """Lines of at most _WIDTH, broken at spaces alone: commands and addresses are there to be copied."""
    if not text:
        return []
    indent = " " * 8
    hanging = indent + " " * len(lead)
    wrapper = textwrap.TextWrapper(_WIDTH, indent, hanging, break_long_words=False, break_on_hyphens=False)
    return wrapper.wrap(lead + printable(text))
