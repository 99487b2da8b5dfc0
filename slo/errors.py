"""The exception tree.

    SLOError
    ├── UsageError               what the caller asked for cannot be done as asked
    │   └── SpecError            an objective file is wrong: every problem at once, each with its place
    ├── LedgerError              the ledger cannot be opened, read or written
    ├── RecordError              the record of decisions cannot
    ├── ClusterError             the Kubernetes cluster cannot be asked, or refuses
    │   └── ClusterRefusalError      the API server says no
    │       └── ClusterConflictError     the object has changed since it was read
    └── SourceError              the data could not be had
        ├── SourceUnreachableError   nobody answers: refused, timed out, no such host
        ├── SourceResponseError      an answer came, but it is an error, not the expected form, or cut short
        │   └── ServerFailedError        the server itself failed (5xx, too slow, cut short); a replica may answer
        ├── AnswerTooLargeError      an answer over the size limit: ask for a shorter interval
        └── DataError                an answer that cannot be counted: NaN, native histograms, unusable rows

Library errors are mapped to these once, where they arise; the command line maps these to exit codes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class SLOError(Exception):
    """Base of everything that this package raises on purpose; its text is one clear line."""


class UsageError(SLOError):
    """The call itself is wrong: unknown name, missing setting, naive time."""


class SourceError(SLOError):
    """Data could not be had; the message says what to do about it."""


class SourceUnreachableError(SourceError):
    """No answer at all; asking the same server again in this run is pointless."""


class SourceResponseError(SourceError):
    """An answer that reports an error, is not what the API promises, or stops half-way."""


class ServerFailedError(SourceResponseError):
    """The server failed at a question that may be right; another replica of it may answer."""


class AnswerTooLargeError(SourceError):
    """The answer would be larger than allowed; a shorter interval may succeed."""


class DataError(SourceError):
    """Samples that have no meaning as events, such as a counter that is NaN."""


class LedgerError(SLOError):
    """The ledger cannot be opened, read or written; what was counted before is as it was."""


class RecordError(SLOError):
    """The record of decisions cannot be opened, read or written; what was kept before is as it was."""


class ClusterError(SLOError):
    """The Kubernetes API cannot be reached, or refuses what is asked of it."""


class ClusterRefusalError(ClusterError):
    """The API server has answered, and the answer is no: nothing was changed."""


class ClusterConflictError(ClusterRefusalError):
    """An object has changed since it was read, or is there already."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in an objective file; line and column count from 1, 0 means the file as a whole."""

    file: str
    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.path}: {self.message}" if self.path else f"{place}: {self.message}"


class SpecError(UsageError):
    """Every problem of the objective files, in the order of the files."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))
