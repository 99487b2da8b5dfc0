"""The programs that scripts/platform-tools.sh builds."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path

_SCRIPT = Path(__file__).parents[2] / "scripts" / "platform-tools.sh"


def built(name: str) -> str | None:
    """The path of one of them, None where it is not built."""
    return shutil.which(name, path=_folders())


@cache
def _folders() -> str:
    return subprocess.run([_SCRIPT, "--path"], capture_output=True, text=True, check=True).stdout.strip()
