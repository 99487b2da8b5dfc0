"""The reference page names every key of an objective file, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from slo.spec import schema

PAGE = Path(__file__).parents[2] / "docs" / "objective-file.md"
MAPPINGS = (
    schema.DOCUMENT,
    schema.OBJECTIVE,
    schema.CALENDAR,
    schema.SLICES,
    schema.RATIO,
    schema.LATENCY,
    schema.PROBE,
    schema.ALERTING,
    schema.NOTIFICATION,
    schema.GATE,
    schema.WARN,
    schema.FREEZE,
    schema.VETO,
    schema.CHAOS,
)


def keys_on_the_page() -> set[str]:
    """What stands in the first column of the tables of keys."""
    cells = re.findall(r"^\| (`[a-z_]+`(?: or `[a-z_]+`)*) \| ", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return {key for cell in cells for key in re.findall(r"[a-z_]{3,}", cell)}


def test_the_reference_has_every_key_and_no_other() -> None:
    assert keys_on_the_page() == {key for mapping in MAPPINGS for key in mapping.names}
