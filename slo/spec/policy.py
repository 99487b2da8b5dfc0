"""Alert policies by name: the windows and budget shares of windows/*.yaml, or of a file of one's own."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from slo.alert_policy import AlertPolicy, WindowPair
from slo.spec import values
from slo.spec.document import read_as, read_documents
from slo.spec.reading import Keys, converted, list_of, one_of, required

_MOST_BYTES = 64 * 1024
_MOST_PAIRS = 20
_WINDOWS = Path(__file__).parents[1] / "windows"


PAIR = Keys(
    WindowPair,
    {
        "severity": required(one_of("page", "ticket")),
        "long": required(converted(values.as_whole_minutes), "long_minutes"),
        "short": required(converted(values.as_whole_minutes), "short_minutes"),
        "budget_share": required(converted(values.as_budget_share)),
    },
)
POLICY = Keys(
    AlertPolicy,
    {
        "name": required(converted(values.as_text)),
        "pairs": required(list_of(PAIR, least=1, most=_MOST_PAIRS, convert=tuple)),
    },
)


def policy(alerting: dict[str, Any], folder: Path) -> AlertPolicy:
    """The policy that a document without problems names, with how its alerts are raised."""
    raised = {key: value for key, value in alerting.items() if key not in ("policy", "low_traffic")}
    needs_evidence = alerting["low_traffic"] == "binomial"
    return replace(named_policy(alerting["policy"], folder), needs_evidence=needs_evidence, **raised)


def named_policy(name: str, folder: Path) -> AlertPolicy:
    """The policy of a name, or of a file relative to the folder. Raises ValueError with what to write instead."""
    if name.endswith((".yaml", ".yml")):
        return replace(_policy_in(folder / name), name=name)
    if name not in known_policies():
        known = ", ".join(sorted(known_policies()))
        raise ValueError(f"there is no alert policy {name[:60]!r}; known: {known}, or a file such as ./windows.yaml")
    return known_policies()[name]


@cache
def known_policies() -> dict[str, AlertPolicy]:
    """Every policy that comes with the package, by name."""
    read = [_read_policy(file.read_bytes(), file.name) for file in _WINDOWS.glob("*.yaml")]
    return {one.name: one for one in read}


@lru_cache(maxsize=64)
def _policy_in(file: Path) -> AlertPolicy:
    try:
        with file.open("rb") as content:
            return _read_policy(content.read(_MOST_BYTES + 1), str(file))
    except OSError as error:
        raise ValueError(f"the windows {str(file)!r} cannot be read: {error.strerror or error}") from error


def _read_policy(content: bytes, file: str) -> AlertPolicy:
    """Raises ValueError for content that is no policy."""
    documents, problems = read_documents(content, file)
    if problems or len(documents) != 1 or len(content) > _MOST_BYTES:
        first = problems[0] if problems else f"{file} must hold one short document with name and pairs"
        raise ValueError(str(first))
    read, wrong = read_as(POLICY, documents[0])
    if wrong := [*documents[0].unwritten(), *wrong]:
        raise ValueError(str(wrong[0]))
    assert isinstance(read, AlertPolicy)
    if any(pair.short_minutes >= pair.long_minutes for pair in read.pairs):
        raise ValueError(f"{file}: the short window of a pair must be shorter than its long one")
    return read
