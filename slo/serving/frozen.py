"""Our own frozen values as bytes, between processes of this user alone: never to be read from anybody else's."""

from __future__ import annotations

import copyreg
import io
import pickle
from types import MappingProxyType
from typing import Any


def dumps(value: object) -> bytes:
    data = io.BytesIO()
    pickler = pickle.Pickler(data, pickle.HIGHEST_PROTOCOL)
    pickler.dispatch_table = copyreg.dispatch_table.copy()
    pickler.dispatch_table[MappingProxyType] = lambda proxy: (_unchangeable, (dict(proxy),))
    pickler.dump(value)
    return data.getvalue()


def loads(data: bytes | memoryview) -> Any:
    return pickle.loads(data)  # noqa: S301 - from a folder that only this user may enter


def _unchangeable(values: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    """The proxy's own name cannot be pickled."""
    return MappingProxyType(values)
