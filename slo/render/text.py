"""Foreign text made safe to show."""

from __future__ import annotations


def printable(text: str) -> str:
    """The text with every character that a terminal might obey or hide written out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
