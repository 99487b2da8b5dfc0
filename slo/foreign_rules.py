"""Rule files that others wrote: what their groups and objects are called."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from slo.errors import UsageError

_MOST_BYTES = 16 * 2**20


def names_in(path: Path) -> Iterator[tuple[str, str]]:
    """Each rule group and each object of a file by kind and name. Raises UsageError for a file that is no YAML."""
    try:
        with path.open("rb") as content:
            text = content.read(_MOST_BYTES + 1)
        if len(text) > _MOST_BYTES:
            raise UsageError(f"{path}: is larger than {_MOST_BYTES >> 20} MiB; move it away, or choose another folder")
        documents = list(yaml.load_all(text, Loader=yaml.CSafeLoader))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UsageError(f"{path}{_place(error)}: this rule file is no YAML; mend it, or move it away") from None
    for document in documents:
        yield from _names(document)


def _names(document: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(document, dict):
        return
    spec, metadata = document.get("spec", document), document.get("metadata")
    if isinstance(metadata, dict) and document.get("kind") == "PrometheusRule":
        yield "PrometheusRule", str(metadata.get("name"))
    groups = spec.get("groups") if isinstance(spec, dict) else None
    for group in groups if isinstance(groups, list) else ():
        if isinstance(group, dict):
            yield "group", str(group.get("name"))


def _place(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    return f":{mark.line + 1}:{mark.column + 1}" if mark else ""
