"""What of a caller's body is kept: a beginning of bounded length, without what looks like a secret.

Bodies are foreign: a webhook may carry a pod with a password in its environment. Names tell secrets apart from the
rest; a secret under an innocent name cannot be told.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from slo.redaction import without_password

MAX_CHARACTERS = 2000
_LOOKED_AT = 2 * MAX_CHARACTERS
"""So much more than is kept that no secret is cut from its name by what is left out."""

_MAX_PARSED_BYTES = 1 << 20
_MAX_DEPTH = 100
_MASK = "***"
# Repetition is bounded everywhere: a hostile text must not take longer than another of its length.
_NAMES = r"(?:passw|passphrase|secret|token|credential|authorization|cookie|api[_-]?key|private[_-]?key)"
_SECRET_NAME = re.compile(_NAMES, re.IGNORECASE)
_AUTHORIZATION = re.compile(r"\b(bearer|basic)\s{1,9}[\w.~+/=-]{6,}", re.IGNORECASE)
_ASSIGNED = re.compile(
    rf"({_NAMES}[\w.-]{{0,40}}\\?[\"']?\s{{0,9}}[:=]\s{{0,9}})"
    r"(\\?\"(?:[^\"\\]|\\.)*\"?|'[^']*'?|[^\s,;&\"'}\]]+)",
    re.IGNORECASE,
)


def excerpt(body: bytes | str) -> str:
    """The beginning of a body, at most MAX_CHARACTERS, secrets masked; JSON is read to find them by their keys."""
    raw = body.encode("utf-8", "replace") if isinstance(body, str) else body
    if len(raw) <= _MAX_PARSED_BYTES:
        try:
            found = orjson.loads(raw)
        except orjson.JSONDecodeError:
            found = None
        if isinstance(found, (dict, list)):
            return _cut(orjson.dumps(_Masking().of(found, _MAX_DEPTH)).decode())
    return _cut(_masked_text(raw[:_LOOKED_AT].decode("utf-8", "replace")))


def one_line(text: str, limit: int) -> str:
    """Foreign text as it may be kept: no control characters, nothing that is no Unicode, at most so long."""
    if len(text) <= limit and text.isascii() and text.isprintable() and "://" not in text:
        return text.strip()  # as nearly all names are
    whole = without_password(text[: limit + _LOOKED_AT].encode("utf-8", "replace").decode())
    printed = "".join(character if character.isprintable() else " " for character in whole).strip()
    return printed if len(printed) <= limit else printed[: limit - 1] + "…"


class _Masking:
    """Copies JSON without its secrets, as much of it as may be kept."""

    def __init__(self) -> None:
        self._left = _LOOKED_AT

    def of(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            self._left -= len(value)
            return _masked_text(value[:_LOOKED_AT])
        self._left -= 1
        if not isinstance(value, (dict, list)):
            return value
        if depth == 0:
            return "…"
        return self._list(value, depth - 1) if isinstance(value, list) else self._object(value, depth - 1)

    def _list(self, values: list[Any], depth: int) -> list[Any]:
        kept = []
        for value in values:
            if self._left <= 0:
                break
            kept.append(self.of(value, depth))
        return kept

    def _object(self, values: dict[str, Any], depth: int) -> dict[str, Any]:
        # Kubernetes lists variables as {"name": "DB_PASSWORD", "value": "..."}.
        is_named = isinstance(values.get("name"), str) and _is_secret(values["name"])
        kept: dict[str, Any] = {}
        for key, value in values.items():
            if self._left <= 0:
                break
            self._left -= len(key)
            kept[key[:_LOOKED_AT]] = (
                _MASK if _is_secret(key) or (is_named and key == "value") else self.of(value, depth)
            )
        return kept


def _is_secret(name: str) -> bool:
    return _SECRET_NAME.search(name[:_LOOKED_AT]) is not None


def _masked_text(text: str) -> str:
    without = _AUTHORIZATION.sub(rf"\1 {_MASK}", without_password(text))
    return _ASSIGNED.sub(rf"\1{_MASK}", without)


def _cut(text: str) -> str:
    clean = text.replace("\x00", "\\0")
    return clean if len(clean) <= MAX_CHARACTERS else clean[: MAX_CHARACTERS - 1] + "…"
