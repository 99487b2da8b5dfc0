"""Kyverno's own command over one policy and one object."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.platform.programs import ROOT, run

POLICIES = ROOT / "deploy" / "kyverno"


def applied(policy: Path, resource: Path, *words: str, values: Path | None = None) -> dict[str, int]:
    """How many objects of the file passed, failed, ended in an error, and so on.

    values: of variables, instead of the namespaces as the cluster would have them.
    """
    done = run(
        "kyverno",
        "apply",
        policy,
        "--resource",
        resource,
        "--values-file",
        values or POLICIES / "tests" / "resources" / "namespaces.yaml",
        *words,
        check=False,
        env={"FLAG_HTTP_BLOCKLIST": "169.254.169.254/32"},  # by default Kyverno asks nobody on the loopback interface
    )
    counted = re.search(r"pass: (\d+), fail: (\d+), warn: (\d+), error: (\d+), skip: (\d+)", done.stdout)
    if counted is None:
        pytest.fail(done.stdout + done.stderr)
    return dict(zip(("pass", "fail", "warn", "error", "skip"), map(int, counted.groups()), strict=True))
