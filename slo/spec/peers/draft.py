"""What is carried over, in the words of our objective files, and what is not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from slo.errors import Problem
from slo.promql.names import RESERVED_LABELS
from slo.spec.document import Document
from slo.spec.places import Path

_LABEL = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)
Data = Any


@dataclass(slots=True)
class Draft:
    """One objective as an entry of an objective file, with what the file says around it."""

    service: str
    entry: dict[str, Any]
    alerting: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Reading:
    """One document that is being carried over; `lost` is told to the user, line by line."""

    document: Document
    lost: list[Problem]

    def lose(self, path: Path, why: str) -> None:
        """Note what is not carried over."""
        self.lost.append(self.document.problem(path, why))

    def name(self, path: Path, text: Any) -> str:
        """A name by our rules, changed as little as can be. Raises ValueError for what has none."""
        given = text if isinstance(text, str) else ""
        made = re.sub(r"[^a-z0-9_-]+", "-", given.lower()).strip("-_")[:63].strip("-_")
        if not made:
            raise ValueError("a name is missing")
        if made != given:
            self.lose(path, f"the name {given[:80]!r} becomes {made!r}: names here are of a-z, 0-9, - and _")
        return made

    def labels(self, path: Path, labels: Any) -> dict[str, str]:
        """Labels that may stand on series; the others are told."""
        kept = {}
        for name, value in mapping(labels).items():
            if not _LABEL.fullmatch(name):
                self.lose((*path, name), f"the label {name[:60]!r} is left out: Prometheus has no such names")
            elif name in RESERVED_LABELS:
                self.lose((*path, name), f"the label {name!r} is left out: it is set by this tool")
            elif isinstance(value, str):
                kept[name] = value
            else:
                self.lose((*path, name), f"the label {name!r} is left out: its value is no text")
        return kept

    def annotations(self, path: Path, annotations: Any) -> dict[str, str]:
        """Annotations of alerts."""
        kept = {}
        for name, value in mapping(annotations).items():
            if _LABEL.fullmatch(name) and isinstance(value, str):
                kept[name] = value
                if "sloth_" in value:
                    self.lose((*path, name), "names labels of Sloth's own; here they are slo and slo_service")
            else:
                self.lose((*path, name), f"the annotation {name[:60]!r} is left out: no name or no text")
        return kept

    def unknown(self, path: Path, data: Any, known: set[str]) -> None:
        """Note every key that is not read."""
        for key in mapping(data):
            if key not in known:
                self.lose((*path, key), f"the key {key[:60]!r} has no counterpart")


def percentage(value: Any) -> str:
    """A target in percent, as our files write it. Raises ValueError."""
    try:
        number = Decimal(str(value).strip().removesuffix("%"))
    except InvalidOperation:
        raise ValueError(f"the target {str(value)[:40]!r} is no percentage") from None
    if not number.is_finite() or not 0 < number <= 100:
        raise ValueError(f"a target of {str(value)[:40]} % is not between 0 and 100")
    return f"{number.normalize():f}%"


def mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def filled(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Without what says nothing."""
    return {key: value for key, value in entry.items() if value not in ("", None, {}, [])}


Drafts = Iterator[Draft]
