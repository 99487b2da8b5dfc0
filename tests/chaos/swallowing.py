"""An activity that lets nothing that is an Exception disturb it, as Python activities may be written."""

from __future__ import annotations

import time
from pathlib import Path


def stubborn(path: str, seconds: int) -> None:
    """Leaves a sign that it began, and sleeps."""
    Path(path).touch()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            time.sleep(end - time.monotonic())
        except Exception:
            continue
