"""YAML as plain data with a place for every value and key, and everything that is refused told at its place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from slo.errors import Problem
from slo.spec.plain import DEEPEST, Data, is_null

Path = tuple[str | int, ...]


class Placed:
    """The data of one document, line and column (from 1) by path, and the paths where nothing is written."""

    def __init__(self) -> None:
        self.data: Data = None
        self.values: dict[Path, tuple[int, int]] = {}
        self.keys: dict[Path, tuple[int, int]] = {}
        self.nulls: list[Path] = []


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


def place_after(text: str) -> tuple[int, int]:
    """Line and column of what follows the text."""
    return text.count("\n") + 1, len(text) - text.rfind("\n")


def placed_documents(text: str, file: str) -> tuple[list[Placed], list[Problem]]:
    """The documents that are not empty, and what is wrong with the YAML."""
    documents: list[Placed] = []
    problems: list[Problem] = []
    try:
        events = yaml.parse(text, Loader=yaml.CSafeLoader)
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                document = Placed()
                builder = _Builder(document, file, events, problems)
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
    return documents, problems


class _Builder:
    """Builds the data of one document from the parser's events."""

    def __init__(self, document: Placed, file: str, events: Iterator[Any], problems: list[Problem]) -> None:
        self._document = document
        self._file = file
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
        self._document.values[path] = (mark.line + 1, mark.column + 1)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path)
        if is_null(event):
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
                message = f"the key '{key}' stands twice; the first is in line {self._document.keys[*path, key][0]}"
                self._problems.append(Problem(self._file, *place, path_text((*path, key)), message))
            if key == "<<" or event.anchor or event.tag:
                raise _RefusedError(
                    event.start_mark, "merge keys, anchors and tags are not accepted; write the value out"
                )
            self._document.keys.setdefault((*path, key), place)
            data[key] = self.value(next(self._events), (*path, key))
        return data

    def _sequence(self, path: Path) -> list[Any]:
        data: list[Any] = []
        for event in self._events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            data.append(self.value(event, (*path, len(data))))
        return data
