"""Replicas of one server (an HA pair): the same targets, scraped at other moments, so one is asked at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from slo.errors import ServerFailedError, SourceUnreachableError
from slo.selector import Selector
from slo.source.protocol import Labels, SampleReader, SeriesSamples
from slo.window import Interval

Answer = TypeVar("Answer")


class ReplicatedReader:
    """Asks the preferred replica; where that fails the next one, which is preferred from then on.

    An answer is always of one replica: scrape times differ between two, so merged samples would count twice. Safe to
    share between threads. `warnings` tells which replica was left, and why.
    """

    def __init__(self, readers: Sequence[SampleReader]) -> None:
        if not readers:
            raise ValueError("at least one reader is needed")
        self._readers = tuple(readers)
        self._preferred = 0
        self._lock = threading.Lock()
        self.warnings: set[str] = set()

    @property
    def preferred(self) -> SampleReader:
        return self._readers[self._preferred]

    def others(self) -> tuple[SampleReader, ...]:
        """The replicas besides the preferred one, in the order in which they would be asked."""
        return self._from(self._preferred)[1:]

    def read(self, selector: Selector, interval: Interval) -> list[SeriesSamples]:
        """As in the protocol. Raises what the last replica raised, where all fail."""
        return self._ask(lambda reader: reader.read(selector, interval))

    def read_minimum(self, selector: Selector, interval: Interval) -> list[tuple[Labels, float]]:
        """As in the protocol. Raises what the last replica raised, where all fail."""
        return self._ask(lambda reader: reader.read_minimum(selector, interval))

    def server_time_ms(self) -> int:
        """The clock of the replica that answers."""
        return self._ask(lambda reader: reader.server_time_ms())

    def _ask(self, question: Callable[[SampleReader], Answer]) -> Answer:
        first = self._preferred
        failure: ServerFailedError | SourceUnreachableError | None = None
        for reader in self._from(first):
            try:
                answer = question(reader)
            except (SourceUnreachableError, ServerFailedError) as error:
                failure = error
                continue
            if failure is not None:
                self._prefer(reader, instead_of=first, because=failure)
            return answer
        assert failure is not None
        raise failure

    def _from(self, first: int) -> tuple[SampleReader, ...]:
        return self._readers[first:] + self._readers[:first]

    def _prefer(self, reader: SampleReader, *, instead_of: int, because: Exception) -> None:
        with self._lock:
            if self._preferred == instead_of:  # another thread may have moved on already
                self._preferred = self._readers.index(reader)
                self.warnings.add(f"another replica was asked: {because}")
