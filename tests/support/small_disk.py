"""A disk of 2 MB that a test may fill: a file system in memory, mounted in a name space of its own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_MOUNTING = 'mount -t tmpfs -o size=2m tmpfs "$0" && exec "$@"'
_NAME_SPACES = (
    ["unshare", "--mount"],
    ["unshare", "--mount", "--map-root-user"],
    ["sudo", "--non-interactive", "--preserve-env", "unshare", "--mount"],
)
"""The right of root, of a user who may have name spaces, and of one who may become root."""


def run_on_small_disk(place: Path, command: list[str]) -> subprocess.CompletedProcess[str]:
    """Runs a command for which the place, a folder, is a small empty disk; the folder is empty again afterwards."""
    for name_space in _NAME_SPACES[0 if os.geteuid() == 0 else 1 :]:
        mounted = [*name_space, "sh", "-c", _MOUNTING, str(place)]
        if _run([*mounted, "true"]).returncode == 0:
            return _run([*mounted, *command])
    pytest.fail("a disk of its own may not be mounted here: run the tests as root, or allow user name spaces or sudo")


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    except FileNotFoundError as error:
        return subprocess.CompletedProcess(command, 127, "", str(error))
