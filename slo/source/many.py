"""Several sources as one: each objective is read from the server that it names."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from slo.errors import Problem, SourceError, SpecError
from slo.objective import Objective
from slo.source.protocol import Measured, Progress, Source
from slo.window import Interval

Need = tuple[Objective, Interval]
Found = dict[str, Measured | SourceError]


class ManySources:
    """Sources by the name that objectives have in `prometheus`; read side by side, none hides another's events."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self._sources = dict(sources)

    def events(self, objectives: Sequence[Objective], intervals: Sequence[Interval], progress: Progress) -> Found:
        """As in the protocol; SpecError has the problems that any of the sources found."""
        needs = _by_server(objectives, intervals)
        shares = _Shares(progress, {name: len(some) / len(objectives) for name, some in needs.items()})
        found: Found = {}
        problems: list[Problem] = []
        with ThreadPoolExecutor(max(1, len(needs))) as executor:
            for future in [executor.submit(self._read, name, some, shares) for name, some in needs.items()]:
                try:
                    found |= future.result()
                except SpecError as error:
                    problems += error.problems
        if problems:
            raise SpecError(problems)
        return {one.id: found[one.id] for one in objectives if one.id in found}

    def _read(self, name: str, needs: Sequence[Need], shares: _Shares) -> Found:
        objectives, intervals = [one for one, _ in needs], [interval for _, interval in needs]
        source = self._sources.get(name)
        if source is None:
            error = SourceError(f"there is no server {name!r} to read from")
            return {one.id: error for one in objectives}
        try:
            return source.events(objectives, intervals, lambda share: shares.tell(name, share))
        except SourceError as error:
            return {one.id: error for one in objectives}
        finally:
            shares.tell(name, 1.0)


class _Shares:
    """Puts the progress of the parts together."""

    def __init__(self, progress: Progress, weights: Mapping[str, float]) -> None:
        self._progress = progress
        self._weights = weights
        self._done = dict.fromkeys(weights, 0.0)
        self._lock = threading.Lock()

    def tell(self, name: str, share: float) -> None:
        with self._lock:
            if share > self._done[name]:
                self._done[name] = share
                done = sum(self._weights[one] * part for one, part in self._done.items())
                self._progress(1.0 if min(self._done.values()) == 1.0 else done)


def _by_server(objectives: Sequence[Objective], intervals: Sequence[Interval]) -> dict[str, list[Need]]:
    needs: dict[str, list[Need]] = {}
    for objective, interval in zip(objectives, intervals, strict=True):
        needs.setdefault(objective.prometheus, []).append((objective, interval))
    return needs
