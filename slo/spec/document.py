"""YAML as plain data with a place for what is told of: text in, all scalars kept as text, nothing guessed.

Exact targets need the digits as they were written, and YAML's own guesses (0o17, NO, 2026-11-01) only surprise
here. Aliases, tags and merge keys are refused: a file of a kilobyte must not unfold into gigabytes.
Places cost more than the data itself: they are found by parsing once more, when there is something to tell.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from slo.errors import Problem
from slo.spec.places import Path, Placed, path_text, place_after, placed_documents
from slo.spec.plain import Data, plain_documents
from slo.spec.reading import Fault, Form

_NOTHING = "nothing is written here; write a value, or leave it out"
MOST_BYTES = 16 * 2**20

# YAML 1.1, "Character Set"; libyaml refuses them too, but without telling where.
_NOT_PRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Places:
    """Line and column (from 1) of every value and key of one file's documents; found when first asked for."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self._text = text
        self._placed: list[Placed] = []

    def documents(self) -> list[Placed]:
        """Every document that is not empty, with its places."""
        self._placed = self._placed or self.read()[0]
        return self._placed

    def read(self) -> tuple[list[Placed], list[Problem]]:
        """The documents, and what is wrong with the YAML."""
        self._placed, problems = placed_documents(self._text, self.file)
        return self._placed, problems


class Document:
    """One YAML document: its data, and where its parts stand."""

    def __init__(self, data: Data, places: Places, number: int, nulls: Sequence[Path] = ()) -> None:
        self.data = data
        self.file = places.file
        self.nulls = nulls
        self.mark = Mark(places, number)

    def problem(self, path: Path, message: str, *, at_key: bool = False) -> Problem:
        """A problem at a path, or at its nearest parent that is in the file."""
        line, column = self.mark.place(path, at_key=at_key)
        return Problem(self.file, line, column, path_text(path), message)

    def unwritten(self) -> list[Problem]:
        """Each place where nothing is written, which no form accepts."""
        return [self.problem(path, _NOTHING) for path in self.nulls]


class Mark:
    """One document within its file, without its data."""

    __slots__ = ("_number", "_places", "file")

    def __init__(self, places: Places, number: int) -> None:
        self._places, self._number = places, number
        self.file = places.file

    def place(self, path: Path, *, at_key: bool = False) -> tuple[int, int]:
        """Where a path, or its nearest parent that is in the file, begins."""
        placed = self._places.documents()[self._number]
        place = placed.keys.get(path) if at_key else None
        for length in range(len(path), -1, -1):
            place = place or placed.values.get(path[:length])
        return place or (1, 1)


def read_documents(content: bytes, file: str) -> tuple[list[Document], list[Problem]]:
    """The documents of one file, and what is wrong with its YAML."""
    if len(content) > MOST_BYTES:
        return [], [Problem(file, 0, 0, "", f"the file is larger than {MOST_BYTES >> 20} MiB")]
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8")
        return [], [Problem(file, *place_after(before), "", "this is not text in UTF-8; is it an objective file?")]
    if found := _NOT_PRINTABLE.search(text):
        message = f"the character U+{ord(found[0]):04X} is not accepted; is it an objective file?"
        return [], [Problem(file, *place_after(text[: found.start()]), "", message)]
    places = Places(file, text)
    problems: list[Problem] = []
    plain = plain_documents(text)
    if plain is not None:
        documents = [Document(data, places, number) for number, data in enumerate(plain)]
    else:
        placed, problems = places.read()
        documents = [Document(one.data, places, number, one.nulls) for number, one in enumerate(placed)]
    if not documents and not problems:
        problems.append(Problem(file, 0, 0, "", "the file is empty; docs/objective-file.md shows what belongs into it"))
    return documents, problems


def read_as(form: Form, document: Document) -> tuple[Any, list[Problem]]:
    """The value of a document, and what is wrong with it; of places where nothing is written, `unwritten` tells."""
    faults: list[Fault] = []
    read = form(document.data, faults)
    nulls = set(document.nulls)
    told = (fault for fault in faults if fault.at_key or fault.path not in nulls)
    return read, [document.problem(fault.path, fault.message, at_key=fault.at_key) for fault in told]
