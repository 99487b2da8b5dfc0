"""The page's style sheet, script and icon: read once, and named in pages by what they hold."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

_TYPES = {
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    content: bytes
    media_type: str


@cache
def assets() -> Mapping[str, Asset]:
    """By name; there are no others."""
    folder = files("slo.http") / "static"
    return MappingProxyType({name: Asset((folder / name).read_bytes(), kind) for name, kind in _TYPES.items()})


@cache
def version() -> str:
    """Changes with any of them: a browser may keep what it has for ever."""
    digest = hashlib.sha256()
    for _, asset in sorted(assets().items()):
        digest.update(asset.content)
    return digest.hexdigest()[:12]
