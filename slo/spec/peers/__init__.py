"""Objectives of other tools as objective files: Sloth, Pyrra, OpenSLO, and queries in a text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from slo.errors import Problem, SpecError, UsageError
from slo.spec import load_objectives
from slo.spec.document import MOST_BYTES, Document, Places, read_documents
from slo.spec.peers.draft import Draft, Reading, mapping
from slo.spec.peers.openslo import indicators_in, is_openslo, read_openslo
from slo.spec.peers.pyrra import is_pyrra, read_pyrra
from slo.spec.peers.queries import read_queries
from slo.spec.peers.sloth import is_sloth, read_sloth


@dataclass(frozen=True, slots=True)
class Imported:
    """An objective file, how many objectives are in it, and a line for each thing that is not."""

    text: str
    objectives: int
    lost: tuple[Problem, ...]


def read_peers(paths: Sequence[Path], *, window: str) -> Imported:
    """What the files of other tools say; window: the period where a format leaves it open (Sloth).

    Raises UsageError for files that cannot be read, or objectives that would have one id.
    """
    lost: list[Problem] = []
    drafts: list[tuple[Draft, Document]] = []
    files = [(path, *_documents(path, lost)) for path in _files(paths)]
    indicators = indicators_in(document.data for _, documents, _ in files for document in documents)
    for path, documents, text in files:
        if text is not None:
            nothing = Document(None, Places(str(path), "text"), 0)
            drafts += ((draft, nothing) for draft in _noted(read_queries(Reading(nothing, lost), text), lost, nothing))
        for document in documents:
            found = _convert(document, lost, indicators, window)
            drafts += ((draft, document) for draft in _noted(found, lost, document))
    kept = [draft for draft, document in drafts if _is_right(draft, document, lost)]
    _refuse_twins(drafts)
    return Imported(_dump(kept), len(kept), tuple(dict.fromkeys(lost)))


def _convert(document: Document, lost: list[Problem], indicators: dict[str, Any], window: str) -> Iterator[Draft]:
    reading, data = Reading(document, lost), document.data
    if is_sloth(data):
        yield from read_sloth(reading, window)
    elif is_pyrra(data):
        yield from read_pyrra(reading)
    elif is_openslo(data):
        yield from read_openslo(reading, indicators)
    else:
        kind = mapping(data).get("kind") or mapping(data).get("apiVersion") or mapping(data).get("version")
        what = f" of kind {str(kind)[:60]!r}" if kind else ""
        reading.lose((), f"this document{what} is none of Sloth's, Pyrra's or OpenSLO's")


def _noted(found: Iterator[Draft], lost: list[Problem], document: Document) -> list[Draft]:
    """The drafts; what ends the reading of a document is noted."""
    drafts: list[Draft] = []
    try:
        drafts.extend(found)
    except ValueError as error:
        lost.append(document.problem((), f"this document is not carried over: {error}"))
    return drafts


def _is_right(draft: Draft, document: Document, lost: list[Problem]) -> bool:
    """Whether the objective is one by our own rules; else every reason is noted."""
    try:
        load_objectives(_dump([draft]))
    except SpecError as error:
        name = f"{draft.service}/{draft.entry.get('name')}"
        lost += (
            document.problem((), f"{name} is not carried over: {one.path}: {one.message}") for one in error.problems
        )
        return False
    return True


def _refuse_twins(drafts: Sequence[tuple[Draft, Document]]) -> None:
    first: dict[str, str] = {}
    for draft, document in drafts:
        id_ = f"{draft.service}/{draft.entry.get('name')}"
        place = str(document.problem((), "").file)
        if id_ in first:
            raise UsageError(f"two objectives would be {id_}: of {first[id_]} and of {place}; rename one of them")
        first[id_] = place


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(file for pattern in ("*.yaml", "*.yml") for file in path.rglob(pattern))
        else:
            yield path


def _documents(path: Path, lost: list[Problem]) -> tuple[list[Document], str | None]:
    """The YAML documents of a file, or its text where it is none. Raises UsageError for a file that is unreadable."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    if path.suffix.lower() not in (".yaml", ".yml", ".json"):
        if len(content) > MOST_BYTES:
            raise UsageError(f"{path}: is larger than {MOST_BYTES >> 20} MiB")
        return [], content.decode("utf-8", "replace")
    documents, problems = read_documents(content, str(path))
    lost += problems
    return documents, None


def _dump(drafts: Sequence[Draft]) -> str:
    """One document for each service and way of alerting."""
    documents: list[dict[str, Any]] = []
    for draft in drafts:
        last = next((one for one in documents if (one["service"], one.get("alerting", {})) == _head(draft)), None)
        if last is None:
            last = {"service": draft.service, "objectives": []}
            if draft.alerting:
                last["alerting"] = draft.alerting
            documents.append(last)
        last["objectives"].append(draft.entry)
    return yaml.dump_all(documents, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=1000)


def _head(draft: Draft) -> tuple[str, dict[str, Any]]:
    return draft.service, draft.alerting
