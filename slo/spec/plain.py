"""YAML as plain data without places: the quick way for a text that has nothing to be told of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import yaml

DEEPEST = 32
NULLS = frozenset({"", "~", "null", "Null", "NULL"})

Data = dict[str, Any] | list[Any] | str | None


class _NotPlainError(Exception):
    """Something that is refused, or not written; where it is, only the slow way tells."""


def plain_documents(text: str) -> list[Data] | None:
    """The data of every document that is not empty; None where anything in them must be told at its place."""
    loader = yaml.CSafeLoader(text)
    try:
        return list(_documents(loader.get_event))
    except (yaml.YAMLError, _NotPlainError):
        return None
    finally:
        loader.dispose()


def is_null(event: Any) -> bool:
    """Whether nothing is written; implicit[0]: without quotes."""
    return event.implicit[0] and event.value in NULLS


def _documents(next_event: Callable[[], Any]) -> Iterator[Data]:
    while not isinstance(event := next_event(), yaml.StreamEndEvent):
        if isinstance(event, yaml.DocumentStartEvent):
            event = next_event()
            if not (isinstance(event, yaml.ScalarEvent) and is_null(event)):
                yield _value(event, next_event, 0)


def _value(event: Any, next_event: Callable[[], Any], depth: int) -> Data:
    kind = type(event)
    if kind is yaml.AliasEvent or event.anchor or event.tag or depth > DEEPEST:
        raise _NotPlainError
    if kind is yaml.ScalarEvent:
        if is_null(event):
            raise _NotPlainError
        return str(event.value)
    if kind is yaml.MappingStartEvent:
        return _mapping(next_event, depth + 1)
    items: list[Data] = []
    while type(event := next_event()) is not yaml.SequenceEndEvent:
        items.append(_value(event, next_event, depth + 1))
    return items


def _mapping(next_event: Callable[[], Any], depth: int) -> dict[str, Any]:
    data: dict[str, Any] = {}
    while type(event := next_event()) is not yaml.MappingEndEvent:
        if type(event) is not yaml.ScalarEvent or event.anchor or event.tag:
            raise _NotPlainError
        key = str(event.value)
        if key in data or key == "<<":
            raise _NotPlainError
        data[key] = _value(next_event(), next_event, depth)
    return data
