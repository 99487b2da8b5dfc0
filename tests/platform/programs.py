"""The programs that scripts/platform-tools.sh builds, and those of the distribution, as the tests run them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.built import built

ROOT = Path(__file__).parents[2]


def program(name: str) -> str:
    """The path of a program; the test fails and says how to get it where it is missing."""
    found = built(name) or shutil.which(name)
    if found is None:
        pytest.fail(f"these tests need {name}; `make test-platform` builds what they need")
    return found


def run(
    name: str, *words: str | Path, check: bool = True, cwd: Path | None = None, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs a program and gives what it printed; where `check` is not turned off, the test fails if the program does.

    env: variables beside those that are set.
    """
    command = [program(name), *map(str, words)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=cwd, env={**os.environ, **(env or {})}
    )
    if check and done.returncode:
        pytest.fail(f"{' '.join(command)} exited with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done
