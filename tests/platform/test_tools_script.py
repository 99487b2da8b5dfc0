"""scripts/platform-tools.sh where something is missing or goes wrong; what it builds is used by the other tests."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.platform.programs import ROOT

SCRIPT = ROOT / "scripts" / "platform-tools.sh"


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A folder for PATH that has what the script needs, and no Go."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("bash", "env", "mkdir", "rm", "mv", "flock", "tail", "dirname"):
        found = shutil.which(name)
        assert found
        (folder / name).symlink_to(found)
    return folder


def tools(folder: Path, path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "SLO_TOOLS": str(folder), "PATH": str(path)}
    return subprocess.run([SCRIPT, *words], env=env, capture_output=True, text=True, check=False)


def fake_go(path: Path, body: str) -> None:
    (path / "go").write_text(f"#!/bin/bash\n{body}\n", encoding="utf-8")
    (path / "go").chmod(0o755)


def test_without_go_it_says_what_to_install(bare: Path, tmp_path: Path) -> None:
    done = tools(tmp_path / "tools", bare, "crane")
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "platform-tools: the go command is missing; put Go 1.26 or newer on PATH, the programs are built from source"
    )


def test_a_program_that_it_does_not_know_is_refused(bare: Path, tmp_path: Path) -> None:
    done = tools(tmp_path / "tools", bare, "syft")
    assert done.returncode == 1
    assert "no program is called syft" in done.stderr


def test_what_fails_leaves_nothing_and_says_why(bare: Path, tmp_path: Path) -> None:
    fake_go(bare, '[ "$1" = version ] && echo go version go1.19 && exit 0; echo "needs go >= 1.25" >&2; exit 1')
    done = tools(tmp_path / "tools", bare, "crane")
    assert done.returncode == 1
    assert "needs go >= 1.25" in done.stderr
    assert "go1.19 could not build crane" in done.stderr
    assert [path.name for path in (tmp_path / "tools").iterdir()] == ["crane.lock"]


def test_a_program_is_built_once_and_what_an_interrupted_run_left_is_made_anew(bare: Path, tmp_path: Path) -> None:
    fake_go(bare, 'mkdir "$GOBIN" && echo program > "$GOBIN/crane" && echo once >> "$SLO_TOOLS/../builds"')
    (tmp_path / "tools" / "crane.new" / "bin").mkdir(parents=True)
    assert tools(tmp_path / "tools", bare, "crane").returncode == 0
    assert tools(tmp_path / "tools", bare, "crane").returncode == 0
    assert (tmp_path / "builds").read_text(encoding="utf-8") == "once\n"
    (folder,) = (tmp_path / "tools").glob("crane-v*")
    assert str(folder) in tools(tmp_path / "tools", bare, "--path").stdout.strip().split(":")
    assert not (tmp_path / "tools" / "crane.new").exists()
