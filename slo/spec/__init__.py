"""Objective files: read, checked in full, and turned into frozen values; the only place that knows their format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from slo.errors import Problem, SpecError
from slo.gate import Gate
from slo.objective import Objective
from slo.spec.build import build_gates, build_objectives
from slo.spec.document import MOST_BYTES, Document, read_documents
from slo.spec.dump import dump_objectives
from slo.spec.problems import problems_of
from slo.spec.schema import FileDocument

__all__ = ["Spec", "dump_objectives", "load_files", "load_objectives"]


@dataclass(frozen=True, slots=True)
class Spec:
    """What a set of objective files says."""

    objectives: tuple[Objective, ...]
    gates: tuple[Gate, ...]


def load_objectives(text: str, *, file: str = "<text>") -> list[Objective]:
    """The objectives of one text. Raises SpecError with every problem."""
    return list(_load([(file, text.encode("utf-8", "surrogatepass"), None)]).objectives)


def load_files(paths: Sequence[Path]) -> Spec:
    """The objectives and gates of files; a folder means every *.yaml and *.yml under it. Raises SpecError."""
    return _load(_contents(paths))


def _contents(paths: Iterable[Path]) -> Iterator[tuple[str, bytes, Problem | None]]:
    for path in paths:
        try:
            files = _files(path)
            if not files:
                yield (
                    str(path),
                    b"",
                    Problem(str(path), 0, 0, "", "the folder has no *.yaml file; name one, or a folder that has"),
                )
            for file in files:
                with file.open("rb") as content:
                    yield str(file), content.read(MOST_BYTES + 1), None
        except OSError as error:
            message = f"the file cannot be read: {error.strerror or error}; check the path and its permissions"
            yield str(path), b"", Problem(str(path), 0, 0, "", message)


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(file for pattern in ("*.yaml", "*.yml") for file in path.rglob(pattern) if file.is_file())


def _load(contents: Iterable[tuple[str, bytes, Problem | None]]) -> Spec:
    problems: list[Problem] = []
    ids, gate_names = _Names("objective"), _Names("gate")
    objectives: list[Objective] = []
    gates: list[Gate] = []
    for file, content, unreadable in contents:
        documents, found = read_documents(content, file) if unreadable is None else ([], [unreadable])
        for document in documents:
            try:
                read = FileDocument.model_validate(document.data)
            except ValidationError as error:
                found += problems_of(error, document)
                continue
            built, wrong = build_objectives(read, document)
            found += wrong
            found += ids.note(document, "objectives", [one.id for one in built])
            objectives += built
            gates += (new := build_gates(read))
            found += gate_names.note(document, "gates", [one.name for one in new])
        problems += sorted(found, key=lambda problem: (problem.line, problem.column))
    if problems:
        raise SpecError(problems)
    return Spec(tuple(objectives), tuple(gates))


class _Names:
    """Names that must be unique over all files, each with the place where it stood first."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._first: dict[str, str] = {}

    def note(self, document: Document, key: str, names: Sequence[str]) -> Iterator[Problem]:
        for index, name in enumerate(names):
            path = (key, index, "name")
            line, column = document.places.get(path, (1, 1))
            place = f"{document.file}:{line}:{column}"
            first = self._first.setdefault(name, place)
            if first != place:
                yield document.problem(
                    path, f"the {self._kind} '{name}' stands at {first} already; choose another name"
                )
