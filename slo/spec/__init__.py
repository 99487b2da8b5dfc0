"""Objective files: read, checked in full, and turned into frozen values; the only place that knows their format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from slo.errors import Problem, SpecError
from slo.gate import Gate
from slo.objective import Objective
from slo.spec.build import build_objectives
from slo.spec.checks import check_document, gate_names, objective_ids
from slo.spec.document import MOST_BYTES, Document, Mark, read_as, read_documents
from slo.spec.dump import dump_objectives
from slo.spec.places import Path as YamlPath
from slo.spec.schema import DOCUMENT

__all__ = ["Spec", "dump_objectives", "files_of", "load_files", "load_objectives"]


_MOST_PROBLEMS = 1000


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
    seen: set[Path] = set()
    for path in paths:
        try:
            files = files_of(path)
            if not files:
                yield (
                    str(path),
                    b"",
                    Problem(str(path), 0, 0, "", "the folder has no *.yaml file; name one, or a folder that has"),
                )
            for file in files:
                if (real := file.resolve()) in seen:
                    continue
                seen.add(real)
                with file.open("rb") as content:
                    yield str(file), content.read(MOST_BYTES + 1), None
        except OSError as error:
            message = f"the file cannot be read: {error.strerror or error}; check the path and its permissions"
            yield str(path), b"", Problem(str(path), 0, 0, "", message)


def files_of(path: Path) -> list[Path]:
    """The objective files that a path stands for."""
    if not path.is_dir():
        return [path]
    found = (file for pattern in ("*.yaml", "*.yml") for file in path.rglob(pattern) if file.is_file())
    # A mounted ConfigMap holds each file again below ..data and a folder named by the time.
    return sorted(file for file in found if not any(part.startswith(".") for part in file.relative_to(path).parts))


def _load(contents: Iterable[tuple[str, bytes, Problem | None]]) -> Spec:
    problems: list[Problem] = []
    ids, gate_ids = _Names("objective"), _Names("gate")
    objectives: list[Objective] = []
    gates: list[Gate] = []
    for file, content, unreadable in contents:
        documents, found = read_documents(content, file) if unreadable is None else ([], [unreadable])
        for document in documents:
            read, faults = read_as(DOCUMENT, document)
            wrong = [
                *document.unwritten(),
                *check_document(document),
                *ids.clashes(document, objective_ids(document)),
                *gate_ids.clashes(document, gate_names(document)),
                *faults,
            ]
            found += wrong
            if not wrong:
                objectives += build_objectives(read, Path(file).parent)
                gates += read["gates"]
        problems += _in_order(found)
    if problems:
        raise SpecError(problems)
    return Spec(tuple(objectives), tuple(gates))


def _in_order(found: list[Problem]) -> list[Problem]:
    """The problems of one file by line, as many as anybody reads."""
    ordered = sorted(found, key=lambda problem: (problem.line, problem.column))
    if len(ordered) <= _MOST_PROBLEMS:
        return ordered
    more = f"{len(ordered) - _MOST_PROBLEMS} more problems in this file are not listed"
    return [*ordered[:_MOST_PROBLEMS], Problem(ordered[0].file, 0, 0, "", more)]


class _Names:
    """Names that must be unique over all files, each with the place where it stood first."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._first: dict[str, tuple[Mark, YamlPath]] = {}

    def clashes(self, document: Document, names: Iterable[tuple[YamlPath, str]]) -> Iterator[Problem]:
        for path, name in names:
            if name in self._first:
                mark, where = self._first[name]
                line, column = mark.place(where)
                place = f"{mark.file}:{line}:{column}"
                yield document.problem(
                    path, f"the {self._kind} '{name}' stands at {place} already; choose another name"
                )
            else:
                self._first[name] = document.mark, path
