"""The bytes of a snapshot: named sections behind an index, so that a reader decodes what it is asked for and no more.

Layout: eight bytes of signature, the length of the index (eight bytes, little endian), the index as JSON, the sections.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

_SIGNATURE = b"SLOSNAP1"
_ALIGNMENT = 8

Ends = npt.NDArray[np.int64]


def encoded(facts: Mapping[str, Any], sections: Mapping[str, bytes]) -> Iterator[bytes]:
    """The parts of the whole, one after the other. facts: plain values that are decoded at once."""
    places, offset = {}, 0
    for name, content in sections.items():
        places[name] = [offset, len(content)]
        offset += _padded(len(content))
    index = orjson.dumps({"facts": facts, "sections": places})
    index += b" " * (_padded(len(index)) - len(index))
    yield _SIGNATURE + struct.pack("<Q", len(index)) + index
    for content in sections.values():
        yield content
        yield b"\0" * (_padded(len(content)) - len(content))


class Sections:
    """What `encoded` made, looked at in place. Raises ValueError for anything else, or for a part of it."""

    def __init__(self, data: memoryview) -> None:
        if bytes(data[:8]) != _SIGNATURE or len(data) < 16:
            raise ValueError("this is no snapshot")
        (length,) = struct.unpack("<Q", data[8:16])
        self._start = 16 + length
        if len(data) < self._start:
            raise ValueError("the snapshot is cut short")
        index = orjson.loads(data[16 : self._start])
        self._data = data
        self._places: Mapping[str, Sequence[int]] = index["sections"]
        self.facts: Mapping[str, Any] = index["facts"]
        end = max((offset + size for offset, size in self._places.values()), default=0)
        if len(data) < self._start + end:
            raise ValueError("the snapshot is cut short")

    def __getitem__(self, name: str) -> memoryview:
        offset, length = self._places[name]
        return self._data[self._start + offset : self._start + offset + length]

    def numbers(self, name: str, kind: type[np.generic]) -> npt.NDArray[Any]:
        """A section of numbers, in place."""
        return np.frombuffer(self[name], kind)

    def json(self, name: str) -> Any:
        return orjson.loads(self[name])


class Pieces:
    """Many pieces of one section, each found by its number. ends: where each ends, shape (pieces,)."""

    def __init__(self, data: memoryview, starts: Ends, ends: Ends) -> None:
        self._data, self._starts, self._ends = data, starts, ends

    def __getitem__(self, number: int) -> memoryview:
        return self._data[int(self._starts[number]) : int(self._ends[number])]


def joined(
    pieces: Sequence[bytes], before: bytes = b"", between: bytes = b"", after: bytes = b""
) -> tuple[bytes, Ends]:
    """The pieces as one, and where each begins and ends, shape (2, pieces)."""
    lengths = np.fromiter((len(piece) for piece in pieces), np.int64, len(pieces))
    ends = len(before) + np.cumsum(lengths + len(between)) - len(between)
    return before + between.join(pieces) + after, np.array([ends - lengths, ends], np.int64)


def _padded(length: int) -> int:
    return -(-length // _ALIGNMENT) * _ALIGNMENT
