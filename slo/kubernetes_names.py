"""Names and labels of Kubernetes objects, as a command line gives them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from slo.errors import UsageError

_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", re.ASCII)
_LABEL = re.compile(r"([A-Za-z0-9][A-Za-z0-9._/-]{0,315})=([A-Za-z0-9]?[A-Za-z0-9._-]{0,62})", re.ASCII)


def object_name_of(text: str, option: str) -> str:
    """The name, or nothing where none was given. Raises UsageError."""
    if text and not _NAME.fullmatch(text):
        raise UsageError(f"{option}: {text[:60]!r} is no name; use a-z, 0-9, - and .")
    return text


def object_labels(texts: Sequence[str]) -> Mapping[str, str]:
    """NAME=VALUE of each option --label. Raises UsageError."""
    labels = {}
    for text in texts:
        found = _LABEL.fullmatch(text)
        if found is None:
            raise UsageError(f"--label: {text[:60]!r} is no label of Kubernetes; write one such as release=prometheus")
        labels[found[1]] = found[2]
    return labels
