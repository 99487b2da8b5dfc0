"""Deploys of the past: a CSV with `time` and optionally `name`, or a YAML list of mappings with these keys."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from slo.errors import Problem, SpecError, UsageError
from slo.spec import values
from slo.spec.document import read_as, read_documents
from slo.spec.labels import as_minute, csv_rows, read_small
from slo.spec.reading import Keys, converted, list_of, optional, required

_MOST_DEPLOYS = 100_000


class DeployLine(NamedTuple):
    """When a deploy began, as a minute, and what it is called."""

    minute: int
    name: str


def read_deploys(path: Path) -> tuple[DeployLine, ...]:
    """The deploys in the order of time. Raises SpecError with every problem and its line."""
    content = read_small(path)
    if path.suffix.lower() == ".csv":
        found, problems = _from_csv(content, str(path))
    elif path.suffix.lower() in (".yaml", ".yml"):
        found, problems = _from_yaml(content, str(path))
    else:
        raise UsageError(f"{path}: deploys are read from .csv, .yaml or .yml files")
    if problems:
        raise SpecError(problems)
    return tuple(sorted(found))


def _from_csv(content: bytes, file: str) -> tuple[list[DeployLine], list[Problem]]:
    rows, problems = csv_rows(content, file, ("time",), ("time", "name"))
    found = []
    for line, row in rows:
        try:
            found.append(DeployLine(as_minute(row["time"]), row.get("name", "")))
        except ValueError as error:
            problems.append(Problem(file, line, 1, "", str(error)))
    return found, problems


def _from_yaml(content: bytes, file: str) -> tuple[list[DeployLine], list[Problem]]:
    documents, problems = read_documents(content, file)
    found: list[DeployLine] = []
    for document in documents:
        read, wrong = read_as(_LIST, document)
        problems += [*document.unwritten(), *wrong]
        found += [] if wrong else read
    return found, problems


_LIST = list_of(
    Keys(
        DeployLine,
        {
            "time": required(converted(as_minute), "minute"),
            "name": optional(converted(values.as_text), ""),
        },
    ),
    most=_MOST_DEPLOYS,
)
