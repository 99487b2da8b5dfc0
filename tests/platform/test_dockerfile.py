"""The Dockerfile as hadolint reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.platform.programs import ROOT, run

pytestmark = pytest.mark.platform


def test_hadolint_finds_nothing_in_it_and_something_in_a_worse_one(tmp_path: Path) -> None:
    run("hadolint", ROOT / "Dockerfile")
    worse = tmp_path / "Dockerfile"
    worse.write_text((ROOT / "Dockerfile").read_text().replace("USER 65532:65532", "USER root"))
    assert "DL3002" in run("hadolint", worse, check=False).stdout
