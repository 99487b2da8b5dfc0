"""The workflows of .github: checked by their own judges, and for what this project asks of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.platform.programs import ROOT, run

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def workflow(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text(encoding="utf-8"))
    return loaded


def steps(job: dict[str, Any]) -> list[str]:
    """What each step is called: by its name, its action, or its command."""
    return [step.get("name") or step.get("uses", "").split("@")[0] or step["run"] for step in job["steps"]]


@pytest.mark.platform
def test_actionlint_finds_nothing() -> None:
    run("actionlint", *WORKFLOWS)


def test_zizmor_finds_nothing_unsafe() -> None:
    """Injection into scripts, credentials that stay in the checkout, permissions too wide, actions not pinned."""
    run(str(ROOT / ".venv" / "bin" / "zizmor"), "--offline", "--no-progress", "--persona", "pedantic", *WORKFLOWS)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned_by_a_whole_commit_and_says_its_version(path: Path) -> None:
    uses = re.findall(r"uses: (.*)", path.read_text(encoding="utf-8"))
    assert uses
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line) for line in uses), uses


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_read_the_code_and_nothing_else_unless_a_job_says_so(path: Path) -> None:
    assert workflow(path.name)["permissions"] == {"contents": "read"}


def test_a_pull_request_builds_and_scans_and_may_write_nothing() -> None:
    check = workflow("docker-ci.yml")["jobs"]["check"]
    assert check["if"] == "github.event_name == 'pull_request'"
    assert "permissions" not in check
    assert steps(check)[-3:] == ["Build", "Scan report", "Scan gate"]
    assert "secrets." not in yaml.safe_dump(check)


def test_nothing_is_signed_before_the_scan_allows_it_and_nothing_tagged_before_it_is_signed() -> None:
    publish = workflow("docker-ci.yml")["jobs"]["publish"]
    assert publish["if"] == "github.event_name == 'push'"
    named = [name for name in steps(publish) if "/" not in name]
    order = ["Name", "Tags", "Build", "Scan report", "Scan gate", "SBOM", "Sign", "Attest", "Tag"]
    assert named == order
    gate = next(step for step in publish["steps"] if step.get("name") == "Scan gate")
    assert gate["with"]["exit-code"] == "1"


def test_what_is_scanned_listed_and_signed_is_one_digest() -> None:
    publish = workflow("docker-ci.yml")["jobs"]["publish"]
    digest = "${{ steps.name.outputs.image }}@${{ steps.build.outputs.digest }}"
    for step in publish["steps"]:
        if step.get("name") in ("Scan report", "Scan gate", "SBOM", "Sign", "Attest", "Tag"):
            assert digest in [*step.get("with", {}).values(), *step.get("env", {}).values()], step["name"]


def test_the_test_workflow_runs_what_the_readme_says() -> None:
    """As root where containers are started, which the page says as well."""
    ran = [step["run"] for job in workflow("test.yml")["jobs"].values() for step in job["steps"] if "run" in step]
    assert ran == ["make test", 'sudo env "PATH=$PATH" "HOME=$HOME" make test-platform']
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make test   " in readme
    assert "`make test-platform`, as root," in readme
