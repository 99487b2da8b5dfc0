"""scripts/as-root.sh on a machine that has no package lists yet, by an apt-get that only says what it was asked."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.platform.programs import ROOT

APT_GET = """\
#!/bin/bash
echo "apt-get $*" >> "$CALLS"
[ "$1" = update ] && { touch "$CALLS.lists"; exit "${NO_NETWORK:-0}"; }
[ -e "$CALLS.lists" ]
"""


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A folder for PATH: an apt-get that installs nothing before it was updated, and a user who is root."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in {"apt-get": APT_GET, "id": "#!/bin/bash\necho 0\n", "fails": APT_GET}.items():
        (folder / name).write_text(text, encoding="utf-8")
        (folder / name).chmod(0o755)
    return folder


def as_root(bare: Path, *words: str, **env: str) -> tuple[int, list[str]]:
    """The exit code, and how apt-get was called, by whatever name."""
    calls = bare.parent / "calls"
    environ = {**os.environ, "PATH": f"{bare}:{os.environ['PATH']}", "CALLS": str(calls), **env}
    done = subprocess.run([ROOT / "scripts" / "as-root.sh", *words], env=environ, capture_output=True, check=False)
    return done.returncode, calls.read_text(encoding="utf-8").splitlines()


def test_lists_are_fetched_where_there_are_none_and_it_is_tried_again(bare: Path) -> None:
    install = "apt-get install crun"
    assert as_root(bare, *install.split()) == (0, [install, "apt-get update", install])
    (bare.parent / "calls").unlink()
    assert as_root(bare, *install.split()) == (0, [install])


def test_without_a_network_it_fails(bare: Path) -> None:
    code, calls = as_root(bare, "apt-get", "install", "crun", NO_NETWORK="100")
    assert code != 0
    assert calls == ["apt-get install crun", "apt-get update"]


def test_what_is_no_apt_get_is_not_tried_again(bare: Path) -> None:
    code, calls = as_root(bare, "fails", "once")
    assert (code, calls) == (1, ["apt-get once"])
