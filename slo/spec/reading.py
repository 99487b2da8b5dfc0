"""Plain data to values: forms that say what is expected, and tell of everything that is not, each at its path.

A form reads one value and appends a fault for each mistake in it. What it returns counts only where there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from slo.spec.places import Path

_A_MAPPING = "a mapping of keys to values is expected here"
_A_LIST = "a list is expected here; begin each entry with '- '"
_AN_ENTRY = "at least one entry is needed here"


class Fault(NamedTuple):
    """One mistake, and whether the key rather than the value is meant."""

    path: Path
    message: str
    at_key: bool = False


Form = Callable[[Any, list[Fault]], Any]


def converted(*steps: Callable[[Any], Any]) -> Form:
    """What the functions make of it, one after the other; their ValueError says what to write instead."""

    def read(value: Any, faults: list[Fault]) -> Any:
        try:
            for step in steps:
                value = step(value)
            return value
        except ValueError as error:
            faults.append(Fault((), str(error)))
            return None

    return read


def one_of(*texts: str, convert: Callable[[str], Any] = str) -> Form:
    """One of these texts, converted."""
    quoted = [f"'{text}'" for text in texts]
    message = f"write {', '.join(quoted[:-1])} or {quoted[-1]}"

    def read(value: Any, faults: list[Fault]) -> Any:
        if not isinstance(value, str) or value not in texts:
            faults.append(Fault((), message))
            return None
        return convert(value)

    return read


def list_of(item: Form, *, least: int = 0, most: int | None = None, convert: Callable[[Any], Any] = list) -> Form:
    """A list of one form; convert: makes the result of all items when each of them is right."""

    def read(value: Any, faults: list[Fault]) -> Any:
        before = len(faults)
        if not isinstance(value, list):
            faults.append(Fault((), _A_LIST))
            return None
        if len(value) < least:
            faults.append(Fault((), _AN_ENTRY))
        if most is not None and len(value) > most:
            faults.append(Fault((), f"at most {most} entries are accepted here, not {len(value)}"))
            return None
        items = [_read_below(index, one, item, faults) for index, one in enumerate(value)]
        return _made(convert, items, faults, before)

    return read


def dict_of(key: Form, item: Form, *, least: int = 0, convert: Callable[[Any], Any] = dict) -> Form:
    """A mapping whose keys are chosen freely within a form; convert: makes the result of the list of pairs."""

    def read(value: Any, faults: list[Fault]) -> Any:
        before = len(faults)
        if not isinstance(value, dict):
            faults.append(Fault((), _A_MAPPING))
            return None
        if len(value) < least:
            faults.append(Fault((), _AN_ENTRY))
        pairs = []
        for name, one in value.items():
            named = len(faults)
            read_key = _read_below(name, name, key, faults)
            faults[named:] = [fault._replace(at_key=True) for fault in faults[named:]]
            pairs.append((read_key, _read_below(name, one, item, faults)))
        return _made(convert, pairs, faults, before)

    return read


def text_or_mapping(text: Form, mapping: Form) -> Form:
    """By what is written, so that a mistake is told for that form and not for the other one as well."""
    return lambda value, faults: (mapping if isinstance(value, dict) else text)(value, faults)


class Field(NamedTuple):
    """One key of a mapping: its form, what it is without being written, and its name where that differs."""

    form: Form
    default: Any = None
    is_required: bool = True
    name: str = ""


def required(form: Form, name: str = "") -> Field:
    """A key that must be written."""
    return Field(form, name=name)


def optional(form: Form, default: Any = None, name: str = "") -> Field:
    """A key that may be left out."""
    return Field(form, default, False, name)


class Keys:
    """A mapping of known keys, made into a value by a function of the fields by name; itself a form."""

    def __init__(self, make: Callable[..., Any], fields: Mapping[str, Field]) -> None:
        self._make = make
        self._fields = {key: field if field.name else field._replace(name=key) for key, field in fields.items()}
        self._defaults = {one.name: one.default for one in self._fields.values() if not one.is_required}
        self._required = [key for key, one in self._fields.items() if one.is_required]

    @property
    def names(self) -> tuple[str, ...]:
        """The keys as they are written."""
        return tuple(self._fields)

    def __call__(self, value: Any, faults: list[Fault]) -> Any:
        before = len(faults)
        if not isinstance(value, dict):
            faults.append(Fault((), _A_MAPPING))
            return None
        values = self._defaults.copy()
        for key in self._required:
            if key not in value:
                faults.append(Fault((), f"the key '{key}' is missing"))
        for key, one in value.items():
            field = self._fields.get(key)
            if field is None:
                faults.append(Fault((key,), self._unknown(key), at_key=True))
            else:
                values[field.name] = _read_below(key, one, field.form, faults)
        return _made(lambda fields: self._make(**fields), values, faults, before)

    def _unknown(self, key: str) -> str:
        from difflib import get_close_matches  # right files need none

        close = get_close_matches(key, self.names, n=1)
        cure = f"did you mean '{close[0]}'?" if close else f"known here: {', '.join(self.names)}"
        return f"unknown key '{key[:60]}'; {cure}"


def _read_below(step: str | int, value: Any, form: Form, faults: list[Fault]) -> Any:
    """The value at a step; the faults within it are told with that step."""
    before = len(faults)
    read = form(value, faults)
    if len(faults) > before:
        faults[before:] = [fault._replace(path=(step, *fault.path)) for fault in faults[before:]]
    return read


def _made(make: Callable[[Any], Any], parts: Any, faults: list[Fault], before: int) -> Any:
    """What is made of parts that have no fault; a ValueError tells what is wrong between them."""
    if len(faults) > before:
        return None
    try:
        return make(parts)
    except ValueError as error:
        faults.append(Fault((), str(error)))
        return None
