"""Labels of what really happened: times from a CSV or YAML file, for alerts and gates to be scored against.

CSV has a header with `start,end` and optionally `slo,name`; YAML is a list of mappings with these keys.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from slo.clock import format_time, parse_time
from slo.errors import Problem, SpecError, UsageError
from slo.spec import values
from slo.spec.document import MOST_BYTES, read_as, read_documents
from slo.spec.reading import Keys, converted, list_of, optional, required
from slo.window import Interval, datetime_of, minute_of

_MOST_LABELS = 10_000
_COLUMNS = ("start", "end", "slo", "name")


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One time that people say something happened in. slo: the id that it is about, empty for every objective."""

    interval: Interval
    slo: str = ""
    name: str = ""

    def concerns(self, slo: str) -> bool:
        return self.slo in ("", slo)


def read_labels(path: Path) -> tuple[Label, ...]:
    """The labels of a .csv, .yaml or .yml file, in the order of time.

    Raises SpecError with every problem and its line: no zone, an end that is not after its start, overlaps.
    """
    content = read_small(path)
    if path.suffix.lower() == ".csv":
        placed, problems = _from_csv(content, str(path))
    elif path.suffix.lower() in (".yaml", ".yml"):
        placed, problems = _from_yaml(content, str(path))
    else:
        raise UsageError(f"{path}: labels are read from .csv, .yaml or .yml files")
    problems += _overlaps(placed, str(path))
    if problems:
        raise SpecError(problems)
    return tuple(sorted((label for label, _ in placed), key=lambda label: label.interval))


def read_small(path: Path) -> bytes:
    """The bytes of a file that people write. Raises UsageError where it cannot be read or is far too large."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from None
    if len(content) > MOST_BYTES:
        raise UsageError(f"{path}: is larger than {MOST_BYTES >> 20} MiB")
    return content


Placed = list[tuple[Label, int]]
"""Labels, each with its line."""


def csv_rows(
    content: bytes, file: str, needed: Sequence[str], known: Sequence[str]
) -> tuple[list[tuple[int, Mapping[str, str]]], list[Problem]]:
    """Each row by column, with its line; blank rows are passed over. Columns are named by the first row."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return [], [Problem(file, 0, 0, "", "this is not text in UTF-8")]
    reader = csv.reader(StringIO(text, newline=""), strict=True)
    rows: list[tuple[int, Mapping[str, str]]] = []
    problems: list[Problem] = []
    try:
        header = [name.strip() for name in next(reader, [])]
        if wrong := _wrong_header(header, needed, known):
            return [], [Problem(file, 1, 1, "", wrong)]
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if len(row) != len(header):
                problems.append(Problem(file, reader.line_num, 1, "", f"{len(row)} cells below {len(header)} columns"))
            elif len(rows) >= _MOST_LABELS:
                problems.append(Problem(file, reader.line_num, 1, "", f"over {_MOST_LABELS} rows are not accepted"))
                break
            else:
                cells = (cell.strip() for cell in row)
                rows.append((reader.line_num, dict(zip(header, cells, strict=True))))
    except csv.Error as error:
        problems.append(Problem(file, reader.line_num, 1, "", f"this is not CSV: {error}"))
    return rows, problems


def _wrong_header(header: Sequence[str], needed: Sequence[str], known: Sequence[str]) -> str | None:
    optional_ = [name for name in known if name not in needed]
    wanted = f"the first line names the columns: {','.join(needed)}" + (
        f" and, if wanted, {','.join(optional_)}" if optional_ else ""
    )
    for name in needed:
        if name not in header:
            return f"there is no column '{name}'; {wanted}"
    for name in header:
        if name not in known:
            return f"unknown column {name[:60]!r}; {wanted}"
    return f"a column is named twice; {wanted}" if len(set(header)) < len(header) else None


def _from_csv(content: bytes, file: str) -> tuple[Placed, list[Problem]]:
    rows, problems = csv_rows(content, file, _COLUMNS[:2], _COLUMNS)
    placed: Placed = []
    for line, row in rows:
        try:
            start, end = as_minute(row["start"]), as_minute(row["end"])
            placed.append((_label(start=start, end=end, slo=row.get("slo", ""), name=row.get("name", "")), line))
        except ValueError as error:
            problems.append(Problem(file, line, 1, "", str(error)))
    return placed, problems


def _from_yaml(content: bytes, file: str) -> tuple[Placed, list[Problem]]:
    documents, problems = read_documents(content, file)
    placed: Placed = []
    for document in documents:
        read, wrong = read_as(_LIST, document)
        problems += [*document.unwritten(), *wrong]
        if not wrong:
            placed += [(label, document.mark.place((number,))[0]) for number, label in enumerate(read)]
    return placed, problems


def as_minute(text: Any) -> int:
    """The minute of a time with a zone. Raises ValueError with what to write instead."""
    if not isinstance(text, str) or not text:
        raise ValueError("a time is expected here, such as 2026-11-01T00:00:00Z")
    try:
        return minute_of(parse_time(text))
    except UsageError as error:
        raise ValueError(str(error)) from None


def _label(*, start: int, end: int, slo: str = "", name: str = "") -> Label:
    if end <= start:
        raise ValueError(
            f"the end {format_time(datetime_of(end))} is not at least a minute after"
            f" the start {format_time(datetime_of(start))}"
        )
    return Label(interval=Interval(start, end), slo=slo, name=name)


_TIME = converted(as_minute)
_TEXT = optional(converted(values.as_text), "")
_LIST = list_of(
    Keys(_label, {"start": required(_TIME), "end": required(_TIME), "slo": _TEXT, "name": _TEXT}),
    most=_MOST_LABELS,
)


def _overlaps(placed: Placed, file: str) -> Iterator[Problem]:
    """Two labels of one objective at the same time would count one incident twice."""
    latest: dict[str, tuple[Label, int]] = {}
    for label, line in sorted(placed, key=lambda one: one[0].interval):
        rivals = latest.values() if not label.slo else [latest[key] for key in ("", label.slo) if key in latest]
        for rival, rival_line in rivals:
            if rival.interval.end > label.interval.start:
                start, end = (format_time(datetime_of(minute)) for minute in rival.interval)
                yield Problem(
                    file, line, 1, "", f"overlaps with line {rival_line}, {start} to {end}; join or part them"
                )
                break
        if label.slo not in latest or latest[label.slo][0].interval.end < label.interval.end:
            latest[label.slo] = label, line
