"""The Dockerfile really built, on the distribution's files as its base, and the image run on a read-only root."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.platform.conftest import IMAGE
from tests.platform.containers import Container, Store, running
from tests.platform.programs import ROOT

pytestmark = pytest.mark.platform

NOBODY = 65532


@pytest.fixture(scope="session")
def said(store: Store) -> dict[str, Any]:
    return store.configuration(IMAGE)


@pytest.fixture(scope="session")
def files(store: Store) -> Path:
    return store.files(IMAGE)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A folder that the container's user may write to."""
    folder = tmp_path / "state"
    folder.mkdir()
    subprocess.run(["chown", f"{NOBODY}:{NOBODY}", folder], check=True)
    return folder


@contextmanager
def started(
    store: Store, folder: Path, state: Path, *words: str, env: dict[str, str] | None = None
) -> Iterator[Container]:
    """A container of the image with the example's objectives."""
    bundle, objectives = folder / "bundle", folder / "objectives"
    bundle.mkdir()
    objectives.mkdir()
    shutil.copy(ROOT / "examples" / "cloudshop.yaml", objectives)
    mounts = {"/var/lib/slo": state, "/etc/slo": objectives}
    with running(store, IMAGE, bundle, *words, mounts=mounts, env=env) as one:
        yield one


def test_it_runs_as_nobody_and_checks_its_health(said: dict[str, Any]) -> None:
    assert said["User"] == f"{NOBODY}:{NOBODY}"
    assert said["Healthcheck"]["Test"][0] == "CMD"
    assert said["Entrypoint"] == ["slo"]
    assert "8080/tcp" in said["ExposedPorts"]


def test_nothing_of_the_build_is_left(files: Path) -> None:
    assert not [name for name in ("src", "tools", "etc/pip.conf") if (files / name).exists()]
    assert not list((files / "opt/slo/bin").glob("pip*"))
    assert not [name for name in ("gcc", "cc", "make", "uv") if (files / "usr/bin" / name).exists()]


def test_the_program_cannot_change_itself(files: Path) -> None:
    """The service's user owns its state alone."""
    owned = [path for path in files.rglob("*") if not path.is_symlink() and path.stat().st_uid == NOBODY]
    assert [str(path.relative_to(files)) for path in owned] == ["var/lib/slo"]
    assert not [
        path for path in (files / "opt/slo").rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o022
    ]


def test_every_file_of_the_project_is_in_it(files: Path) -> None:
    """Templates, styles and windows are not Python, and easily forgotten when a wheel is made."""
    listed = subprocess.run(["git", "ls-files", "slo"], cwd=ROOT, capture_output=True, text=True, check=True)
    (packages,) = (files / "opt/slo/lib").glob("python3*/site-packages")
    missing = [name for name in listed.stdout.split() if not (packages / name).exists()]
    assert not missing


def test_it_adds_less_than_475_megabytes_to_its_base(files: Path) -> None:
    """Of which Arrow, numpy, pandas, SQLAlchemy and Kubernetes' client are four fifths."""
    added = [path.lstat().st_size for path in (files / "opt/slo").rglob("*")]
    assert sum(added) < 475_000_000


def test_it_reports_on_a_read_only_root(store: Store, tmp_path: Path, state: Path) -> None:
    with started(store, tmp_path, state, "slo", "report", "--demo", "-o", "csv") as one:
        assert one.process.wait(180) == 0, one.log.read_text(encoding="utf-8")
        assert "cloudshop/availability" in one.log.read_text(encoding="utf-8")


def test_it_may_write_its_state_and_nothing_else_and_has_no_privileges(
    store: Store, tmp_path: Path, state: Path
) -> None:
    with started(store, tmp_path, state, "sleep", "600") as one:
        one.wait_until_up()
        for path in ("/x", "/etc/x", "/opt/slo/x", "/home/x", "/var/lib/x"):
            assert "Read-only file system" in one.exec("touch", path).stderr
        assert one.exec("touch", "/var/lib/slo/x", "/tmp/x").returncode == 0
        status = dict(re.findall(r"(\w+):\s+(.*)", one.exec("cat", "/proc/1/status").stdout))
        assert status["Uid"].split() == [str(NOBODY)] * 4
        assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
        assert status["NoNewPrivs"] == "1"
        assert [path.name for path in state.iterdir()] == ["x"]


ASK = """
import json, sys, urllib.request
for path in sys.argv[1:]:
    with urllib.request.urlopen("http://127.0.0.1:8080" + path, timeout=60) as answer:
        print(json.dumps([path, answer.status, answer.read().decode()]))
"""


def test_it_serves_and_is_healthy_by_its_own_check(store: Store, tmp_path: Path, state: Path) -> None:
    """Its target is not there, so the gate says no; that, its page and its description are answered all the same."""
    served = ("slo", "serve", "--host", "0.0.0.0", "--insecure-open", "--scrape", "http://127.0.0.1:9/metrics")
    with started(store, tmp_path, state, *served) as one:
        one.wait_until_healthy()
        one.wait_until("python3", "-c", ASK, "/gates/chaos")  # its first look at the ledger takes a moment
        asked = one.exec("python3", "-c", ASK, "/gates/chaos", "/", "/openapi.json")
        assert asked.returncode == 0, asked.stderr + one.log.read_text(encoding="utf-8")
        answers = {path: (status, body) for path, status, body in map(json.loads, asked.stdout.splitlines())}
        assert [status for status, _ in answers.values()] == [200, 200, 200]
        assert json.loads(answers["/gates/chaos"][1])["allowed"] is False
        assert "<html" in answers["/"][1]
    assert (state / "slo.db").exists()
    assert one.process.returncode == 0


def test_open_to_others_it_does_not_start_without_saying_who_may_ask(store: Store, tmp_path: Path, state: Path) -> None:
    """What the image runs by itself: the operator hands it a file of tokens, or says that it is to be open."""
    with started(store, tmp_path, state, env={"SLO_PROMETHEUS_URL": "http://127.0.0.1:9"}) as one:
        assert one.process.wait(180) == 2
        assert "--tokens" in one.log.read_text(encoding="utf-8")
