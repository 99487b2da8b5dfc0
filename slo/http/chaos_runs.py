"""Chaos runs that their guards tell of while they watch them: kept in memory, and for a minute only, for dashboards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from slo.http.counters import family, sample
from slo.http.problem import ProblemError, bad_request
from slo.serving.snapshot import Snapshot

TTL_SECONDS = 60.0
MOST = 1000
MOST_FAULTS, _LONGEST = 20, 100


class ChaosRuns:
    """By objective and fault. now_seconds: a clock that never goes back."""

    def __init__(self, *, now_seconds: Callable[[], float]) -> None:
        self._now = now_seconds
        self._until: dict[tuple[str, str], float] = {}

    def tell(self, slos: Sequence[str], faults: Sequence[str]) -> None:
        """They go on, as far as anybody will know in a minute. Raises the 429 of more than can be kept."""
        now = self._now()
        fresh = {key: until for key, until in self._until.items() if until > now}
        fresh |= {(slo, fault): now + TTL_SECONDS for slo in slos for fault in faults}
        if len(fresh) > MOST:
            raise ProblemError(429, f"more than {MOST} chaos runs are told of", {"Retry-After": "60"})
        self._until = fresh

    def lines(self, snapshot: Snapshot) -> Iterator[str]:
        """Text exposition, with the labels that every series of the objective has."""
        now = self._now()
        yield from family("slo_chaos_run_active", "gauge", "A guard tells of a chaos run that spends this budget: 1.")
        for (slo, fault), until in sorted(self._until.items()):
            if until > now and slo in snapshot:
                row = snapshot.rows[snapshot.positions[slo]]
                own = {"slo": slo, "slo_service": row.service, "fault": fault}
                yield sample("slo_chaos_run_active", {**snapshot.labels(slo), **own}, 1)


def faults_of(document: dict[str, Any]) -> tuple[str, ...]:
    """Of a guard's body. Raises the 400 of one that names none."""
    faults = document.get("faults")
    if not isinstance(faults, list) or not 0 < len(faults) <= MOST_FAULTS or not all(map(_is_name, faults)):
        raise bad_request(f"faults: write a list of 1 to {MOST_FAULTS} names of at most {_LONGEST} characters")
    return tuple(faults)


def _is_name(fault: Any) -> bool:
    return isinstance(fault, str) and 0 < len(fault) <= _LONGEST and fault.isprintable()
