"""Text as it is shown: foreign text made safe, cells below each other."""

from __future__ import annotations

from collections.abc import Sequence


def printable(text: str) -> str:
    """The text with every character that a terminal might obey or hide written out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def columns(rows: Sequence[Sequence[str]], right: set[int]) -> list[str]:
    """Cells below each other; right: the columns that are flush right."""
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    aligned = (
        (cell.rjust(width) if place in right else cell.ljust(width))
        for row in rows
        for place, (cell, width) in enumerate(zip(row, widths, strict=True))
    )
    return ["  ".join(next(aligned) for _ in widths).rstrip() for _ in rows]
