"""Settings of guarded chaos runs: how often they look, how long they wait, where they exclude each other.

They stand in the table [chaos] of the settings file; each has a variable, too: SLO_CHAOS_POLL is poll.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from slo.errors import UsageError
from slo.kubernetes_names import object_name_of
from slo.units import parse_duration

CHAOS_KEYS = ("poll", "ttl", "settle", "lease_namespace", "kubeconfig", "context")
_MOST_POLL, _MOST_WAIT = "10s", "1h"

Values = Mapping[str, tuple[object, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChaosSettings:
    """poll_seconds: from one look to the next; ttl_seconds: how long a silent guard counts as alive; settle_seconds: to
    wait for the events of a run's last minute; lease_namespace: the engine's where none is named."""

    poll_seconds: float = 5.0
    ttl_seconds: float = 30.0
    settle_seconds: float = 150.0
    lease_namespace: str | None = None
    kubeconfig: Path | None = None
    context: str | None = None


def chaos_table(value: object, file: Path) -> dict[str, tuple[object, str]]:
    """The table as single settings, each with its place; paths are relative to the file. Raises UsageError."""
    if not isinstance(value, dict):
        raise UsageError(f"{file}: chaos: write a table, [chaos]")
    if unknown := [key for key in value if key not in CHAOS_KEYS]:
        raise UsageError(f"{file}: chaos: unknown setting {unknown[0]!r}; there are: {', '.join(CHAOS_KEYS)}")
    found = dict(value)
    if isinstance(found.get("kubeconfig"), str):
        found["kubeconfig"] = str(file.parent / found["kubeconfig"])
    return {f"chaos_{key}": (one, f"{file}: chaos.{key}") for key, one in found.items()}


def read_chaos_settings(values: Values) -> ChaosSettings:
    """Raises UsageError that names the place."""
    defaults = ChaosSettings()
    file, namespace = _text(values, "chaos_kubeconfig"), _text(values, "chaos_lease_namespace")
    if namespace:
        object_name_of(namespace, values["chaos_lease_namespace"][1])
    return ChaosSettings(
        poll_seconds=check_poll(*values.get("chaos_poll", (f"{defaults.poll_seconds:g}s", ""))),
        ttl_seconds=check_ttl(*values.get("chaos_ttl", (f"{defaults.ttl_seconds:g}s", ""))),
        settle_seconds=check_settle(*values.get("chaos_settle", (f"{defaults.settle_seconds:g}s", ""))),
        lease_namespace=namespace,
        kubeconfig=Path(file) if file else None,
        context=_text(values, "chaos_context"),
    )


def check_poll(value: object, place: str) -> float:
    """Seconds. A run is halted after four looks in vain, and within a minute: more than ten seconds are too many."""
    return _duration(value, place, "100ms", _MOST_POLL)


def check_ttl(value: object, place: str) -> float:
    """Seconds."""
    return _duration(value, place, "1s", _MOST_WAIT)


def check_settle(value: object, place: str) -> float:
    """Seconds, 0 for no wait."""
    return _duration(value, place, "0s", _MOST_WAIT)


def _duration(value: object, place: str, least: str, most: str) -> float:
    try:
        seconds = parse_duration(str(value))
    except ValueError as error:
        raise UsageError(f"{place}: {error}") from None
    if not parse_duration(least) <= seconds <= parse_duration(most):
        raise UsageError(f"{place}: {str(value).strip()} is not from {least} to {most}")
    return float(seconds)


def _text(values: Values, key: str) -> str | None:
    value, place = values.get(key, (None, ""))
    if value is not None and not isinstance(value, str):
        raise UsageError(f"{place}: write a text")
    return value
