"""YAML as plain data with a place for every value: text in, all scalars kept as text, nothing guessed.

Exact targets need the digits as they were written, and YAML's own guesses (0o17, NO, 2026-11-01) only surprise
here. Aliases, tags and merge keys are refused: a file of a kilobyte must not unfold into gigabytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from slo.errors import Problem

MOST_BYTES = 16 * 2**20
DEEPEST = 32

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
# YAML 1.1, "Character Set"; libyaml refuses them too, but without telling where.
_NOT_PRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Path = tuple[str | int, ...]
Data = dict[str, Any] | list[Any] | str | None


@dataclass(slots=True)
class Document:
    """One YAML document: its data, and line and column (from 1) of every value and key by path."""

    file: str
    data: Data = None
    places: dict[Path, tuple[int, int]] = field(default_factory=dict)
    key_places: dict[Path, tuple[int, int]] = field(default_factory=dict)
    nulls: list[Path] = field(default_factory=list)

    def problem(self, path: Path, message: str, *, at_key: bool = False) -> Problem:
        """A problem at a path, or at its nearest parent that is in the file."""
        place = self.key_places.get(path) if at_key else None
        for length in range(len(path), -1, -1):
            place = place or self.places.get(path[:length])
        line, column = place or (1, 1)
        return Problem(self.file, line, column, path_text(path), message)


class _RefusedError(Exception):
    """A construct that is not read, at a place in the text."""

    def __init__(self, mark: Any, message: str) -> None:
        self.problem_mark = mark
        self.problem = message
        super().__init__(message)


def path_text(path: Path) -> str:
    """`objectives[0].sli.ratio.bad`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def read_documents(content: bytes, file: str) -> tuple[list[Document], list[Problem]]:
    """The documents of one file, and what is wrong with its YAML."""
    if len(content) > MOST_BYTES:
        return [], [Problem(file, 0, 0, "", f"the file is larger than {MOST_BYTES >> 20} MiB")]
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8")
        return [], [Problem(file, *_place_after(before), "", "this is not text in UTF-8; is it an objective file?")]
    if found := _NOT_PRINTABLE.search(text):
        message = f"the character U+{ord(found[0]):04X} is not accepted; is it an objective file?"
        return [], [Problem(file, *_place_after(text[: found.start()]), "", message)]
    documents: list[Document] = []
    problems: list[Problem] = []
    try:
        events = yaml.parse(text, Loader=yaml.CSafeLoader)
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                document = Document(file)
                builder = _Builder(document, events, problems)
                document.data = builder.value(next(events), ())
                if document.data is not None:
                    documents.append(document)
    except (yaml.MarkedYAMLError, _RefusedError) as error:
        mark = error.problem_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        problems.append(Problem(file, line, column, "", f"this YAML cannot be read: {error.problem}"))
    except yaml.YAMLError as error:
        first = " ".join(str(error).split())
        problems.append(Problem(file, 1, 1, "", f"this YAML cannot be read: {first}"))
    if not documents and not problems:
        problems.append(Problem(file, 0, 0, "", "the file is empty; docs/objective-file.md shows what belongs into it"))
    return documents, problems


def _place_after(text: str) -> tuple[int, int]:
    """Line and column of what follows the text."""
    return text.count("\n") + 1, len(text) - text.rfind("\n")


class _Builder:
    """Builds the data of one document from the parser's events."""

    def __init__(self, document: Document, events: Iterator[Any], problems: list[Problem]) -> None:
        self._document = document
        self._events = events
        self._problems = problems

    def value(self, event: Any, path: Path) -> Data:
        """The value that begins with this event."""
        mark = event.start_mark
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _RefusedError(mark, "anchors and aliases are not accepted; write the value out")
        if getattr(event, "tag", None):
            raise _RefusedError(mark, "tags are not accepted; write the plain value")
        if len(path) > DEEPEST:
            raise _RefusedError(mark, f"values nested more than {DEEPEST} deep are not accepted")
        self._document.places[path] = (mark.line + 1, mark.column + 1)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path)
        if event.implicit[0] and event.value in _NULLS:  # implicit[0]: written without quotes
            self._document.nulls.append(path)
            return None
        return str(event.value)

    def _mapping(self, path: Path) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for event in self._events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            if not isinstance(event, yaml.ScalarEvent):
                raise _RefusedError(event.start_mark, "a key must be plain text")
            key = str(event.value)
            mark: Any = event.start_mark
            place = (mark.line + 1, mark.column + 1)
            if key in data:
                message = (
                    f"the key '{key}' stands twice; the first is in line {self._document.key_places[*path, key][0]}"
                )
                self._problems.append(Problem(self._document.file, *place, path_text((*path, key)), message))
            if key == "<<" or event.anchor or event.tag:
                raise _RefusedError(
                    event.start_mark, "merge keys, anchors and tags are not accepted; write the value out"
                )
            self._document.key_places.setdefault((*path, key), place)
            data[key] = self.value(next(self._events), (*path, key))
        return data

    def _sequence(self, path: Path) -> list[Any]:
        data: list[Any] = []
        for event in self._events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            data.append(self.value(event, (*path, len(data))))
        return data
