"""What pydantic finds wrong, in our words: the place in the file, and what to write instead."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError

from slo.errors import Problem
from slo.spec import schema
from slo.spec.document import Document, Path

_MODELS: dict[str, type[BaseModel]] = {
    "": schema.FileDocument,
    "objectives": schema.ObjectiveEntry,
    "window": schema.Calendar,
    "time_slices": schema.Slices,
    "sli": schema.Sli,
    "ratio": schema.Ratio,
    "latency": schema.Latency,
    "probe": schema.Probe,
    "alerting": schema.Alerting,
    "page": schema.NotificationEntry,
    "ticket": schema.NotificationEntry,
    "absent": schema.NotificationEntry,
    "gates": schema.GateEntry,
    "freeze": schema.FreezeEntry,
}
_EXPECTED = {
    "model_type": "a mapping of keys to values is expected here",
    "model_attributes_type": "a mapping of keys to values is expected here",
    "dict_type": "a mapping of keys to values is expected here",
    "list_type": "a list is expected here; begin each entry with '- '",
    "int_parsing": "a whole number is expected here",
    "int_type": "a whole number is expected here",
    "string_too_short": "nothing is written here",
    "too_short": "at least one entry is needed here",
}


def problems_of(error: ValidationError, document: Document) -> list[Problem]:
    """Each error as a problem at its place."""
    return [_problem(one, document) for one in error.errors(include_url=False)]


def _problem(error: Any, document: Document) -> Problem:
    kind, location = error["type"], error["loc"]
    path, is_key = _path(location, document.data)
    if kind == "missing":
        return document.problem(path, f"the key '{location[-1]}' is missing")
    if kind == "extra_forbidden":
        return document.problem(path, _unknown_key(path), at_key=True)
    if kind == "value_error":
        return document.problem(path, str(error["ctx"]["error"]), at_key=is_key)
    if kind == "literal_error":
        return document.problem(path, f"write {error['ctx']['expected']}", at_key=is_key)
    return document.problem(path, _EXPECTED.get(kind, error["msg"]), at_key=is_key)


def _path(location: tuple[Any, ...], data: Any) -> tuple[Path, bool]:
    """The location as a path of the document, without the names that pydantic adds; whether a key is meant."""
    path: Path = ()
    for step in location:
        if (isinstance(data, dict) and step in data) or (
            isinstance(data, list) and isinstance(step, int) and step < len(data)
        ):
            data, path = data[step], (*path, step)
    return path, location[-1:] == ("[key]",)


def _unknown_key(path: Path) -> str:
    parents = [step for step in path[:-1] if isinstance(step, str)]
    key, parent = str(path[-1]), parents[-1] if parents else ""
    fields = _MODELS[parent].model_fields if parent in _MODELS else {}
    known = [field.alias or name for name, field in fields.items()]
    close = get_close_matches(key, known, n=1)
    cure = f"did you mean '{close[0]}'?" if close else f"known here: {', '.join(known)}"
    return f"unknown key '{key[:60]}'; {cure}"
