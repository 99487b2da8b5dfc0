"""Consecutive minutes of one series as the ledger keeps them: whole events, coverage, and where they are from."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from slo.errors import LedgerError
from slo.events import Counts
from slo.window import Interval

FULL = 1000
"""Coverage is kept in thousandths of a minute."""

Covered = npt.NDArray[np.int16]
Codes = npt.NDArray[np.uint8]


class Provenance(IntEnum):
    """How a minute came to be counted. NONE: nothing was ever read for it."""

    NONE = 0
    LIVE = 1
    REREAD = 2
    BACKFILLED = 3
    IMPORTED = 4


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """The minutes `(start, start + n]`: whole good and bad events, thousandths covered, provenance; shape (n,)."""

    start: int
    good: Counts
    bad: Counts
    covered: Covered
    provenance: Codes

    @classmethod
    def of(cls, start: int, good: Counts, bad: Counts, covered: Covered, provenance: Provenance) -> Stretch:
        """Minutes that are all from one origin."""
        return cls(start, good, bad, covered, np.full(good.size, provenance, np.uint8))

    @classmethod
    def empty(cls, interval: Interval) -> Stretch:
        """Minutes of which nothing is known."""
        zero = np.zeros(interval.minutes, np.int64)
        return cls(interval.start, zero, zero.copy(), zero.astype(np.int16), zero.astype(np.uint8))

    @property
    def end(self) -> int:
        return self.start + self.good.size

    @property
    def interval(self) -> Interval:
        return Interval(self.start, self.end)

    def part(self, interval: Interval) -> Stretch:
        """The minutes that lie within the interval."""
        low = min(max(interval.start - self.start, 0), self.good.size)
        high = min(max(interval.end - self.start, low), self.good.size)
        cut = slice(low, high)
        return Stretch(self.start + low, self.good[cut], self.bad[cut], self.covered[cut], self.provenance[cut])


def joined(parts: Sequence[Stretch], interval: Interval) -> Stretch:
    """The minutes of an interval from parts that do not overlap; what no part holds is empty."""
    whole = Stretch.empty(interval)
    for part in parts:
        inside = part.part(interval)
        at = slice(inside.start - interval.start, inside.end - interval.start)
        whole.good[at], whole.bad[at] = inside.good, inside.bad
        whole.covered[at], whole.provenance[at] = inside.covered, inside.provenance
    return whole


_HEAD = struct.Struct("<BBBBH")
_FORM = 1
_COUNT_TYPES: tuple[npt.DTypeLike, ...] = ("<u1", "<u2", "<u4", "<u8")


def encode(stretch: Stretch) -> bytes:
    """The stretch without its start, compressed.

    Counts of neighbouring minutes differ in their low bytes only, so each byte's place is stored as a plane of its own:
    zlib then brings a minute to 1-2 bytes where interleaved integers take three times that.
    """
    good, good_size = _planes(stretch.good)
    bad, bad_size = _planes(stretch.bad)
    covered, _ = _planes(stretch.covered.astype(np.int64), size=1)
    head = _HEAD.pack(_FORM, good_size, bad_size, 0, stretch.good.size)
    return head + zlib.compress(good + bad + covered + stretch.provenance.tobytes(), 6)


def decode(data: bytes, start: int) -> Stretch:
    """The stretch of `encode`. Raises LedgerError for anything else."""
    try:
        form, good_size, bad_size, _, minutes = _HEAD.unpack_from(data)
        body = np.frombuffer(zlib.decompress(data[_HEAD.size :]), np.uint8)
    except (struct.error, zlib.error) as error:
        raise LedgerError(f"a block of counts is damaged: {error}") from error
    widths = [1 << good_size, 1 << bad_size, 2, 1]
    if form != _FORM or body.size != minutes * sum(widths):
        raise LedgerError("a block of counts is damaged: its length is wrong")
    bad_at = widths[0] * minutes
    covered_at = bad_at + widths[1] * minutes
    provenance_at = covered_at + 2 * minutes
    good, bad = _from_planes(body[:bad_at], minutes), _from_planes(body[bad_at:covered_at], minutes)
    low, high = body[covered_at : covered_at + minutes], body[covered_at + minutes : provenance_at]
    covered = low + (high.astype(np.int16) << 8)
    return Stretch(start, good, bad, covered, body[provenance_at:])


def _planes(values: Counts, size: int | None = None) -> tuple[bytes, int]:
    """The values' bytes, lowest place first, each place's together; size: log2 of the bytes that a value takes."""
    if size is None:
        largest = int(values.max(initial=0))
        size = next(i for i in range(4) if largest < 1 << (8 << i))
    raw = values.astype(_COUNT_TYPES[size]).view(np.uint8).reshape(values.size, -1)
    return np.ascontiguousarray(raw.T).tobytes(), size


def _from_planes(planes: Codes, minutes: int) -> Counts:
    values = planes[:minutes].astype(np.int64)
    for place in range(1, planes.size // minutes if minutes else 0):
        values |= planes[place * minutes : (place + 1) * minutes].astype(np.int64) << (8 * place)
    return values
