"""What is wrong between the fields of a document: checked on the plain data, so that no mistake hides another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Any

from slo.errors import Problem
from slo.promql.names import RESERVED_LABELS
from slo.spec.document import Document
from slo.spec.places import Path
from slo.spec.policy import named_policy

_SLI_KINDS = ("ratio", "latency", "probe")


def check_document(document: Document) -> Iterator[Problem]:
    """Problems between fields; values of a wrong shape are passed over, the schema tells of them."""
    data = _mapping(document.data)
    if data.get("objectives") and "service" not in data:
        yield document.problem((), "the key 'service' is missing; objectives belong to one")
    yield from _reserved(document, ("labels",), data.get("labels"))
    for index, entry in enumerate(_list(data.get("objectives"))):
        yield from _check_objective(document, ("objectives", index), _mapping(entry), _mapping(data.get("labels")))
    yield from _check_alerting(document, _mapping(data.get("alerting")))


def _check_alerting(document: Document, alerting: dict[str, Any]) -> Iterator[Problem]:
    name = alerting.get("policy")
    if isinstance(name, str):
        try:
            named_policy(name, FilePath(document.file).parent)
        except ValueError as error:
            yield document.problem(("alerting", "policy"), str(error))
    for where in ((), ("page",), ("ticket",), ("absent",)):
        entry = _mapping(alerting.get(where[0])) if where else alerting
        yield from _reserved(document, ("alerting", *where, "labels"), entry.get("labels"))


def objective_ids(document: Document) -> Iterator[tuple[Path, str]]:
    """The id of each objective, with the path of its name."""
    data = _mapping(document.data)
    for index, entry in enumerate(_list(data.get("objectives"))):
        name = _mapping(entry).get("name")
        if isinstance(name, str) and isinstance(data.get("service"), str):
            yield ("objectives", index, "name"), f"{data['service']}/{name}"


def gate_names(document: Document) -> Iterator[tuple[Path, str]]:
    """The name of each gate, with its path."""
    for index, entry in enumerate(_list(_mapping(document.data).get("gates"))):
        name = _mapping(entry).get("name")
        if isinstance(name, str):
            yield ("gates", index, "name"), name


def _check_objective(
    document: Document, where: Path, entry: dict[str, Any], service_labels: dict[str, Any]
) -> Iterator[Problem]:
    yield from _reserved(document, (*where, "labels"), entry.get("labels"))
    fixed = {*service_labels, *_mapping(entry.get("labels"))}
    for position, label in enumerate(_list(entry.get("group_by"))):
        if isinstance(label, str) and label in RESERVED_LABELS:
            message = f"the label '{label}' is set by this tool and cannot be a group"
            yield document.problem((*where, "group_by", position), message)
        elif isinstance(label, str) and label in fixed:
            message = f"the label '{label}' is both a group and a fixed label; drop one of them"
            yield document.problem((*where, "group_by", position), message)
    sli = _mapping(entry.get("sli"))
    if "sli" in entry and sum(kind in sli for kind in _SLI_KINDS) != 1:
        yield document.problem((*where, "sli"), "name exactly one of ratio, latency and probe")
    ratio = _mapping(sli.get("ratio"))
    if ratio and ("bad" in ratio) == ("good" in ratio):
        yield document.problem((*where, "sli", "ratio"), "name the bad events or the good ones, and not both")


def _reserved(document: Document, where: Path, labels: Any) -> Iterator[Problem]:
    for label in _mapping(labels):
        if label in RESERVED_LABELS:
            message = f"the label '{label}' is set by this tool; choose another name"
            yield document.problem((*where, label), message, at_key=True)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
