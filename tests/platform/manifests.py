"""The manifests of deploy/kubernetes, as they are in the files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.platform.programs import ROOT

KUBERNETES = ROOT / "deploy" / "kubernetes"
SIZES = ("sqlite", "postgresql")
Document = dict[str, Any]


def documents(path: Path) -> list[Document]:
    """The objects of a file, or of all files of a folder."""
    files = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
    return [one for file in files for one in yaml.safe_load_all(file.read_text(encoding="utf-8")) if one]


def of_kind(kind: str, folder: Path = KUBERNETES / "base") -> Iterator[Document]:
    return (one for one in documents(folder) if one["kind"] == kind)


def the(kind: str, name: str, folder: Path = KUBERNETES / "base") -> Document:
    (found,) = (one for one in of_kind(kind, folder) if one["metadata"]["name"] == name)
    return found
