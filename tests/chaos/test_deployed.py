"""The manifests of deploy/chaos: what the lab meant, with its mistakes mended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from slo.chaos.engine import read_engine
from slo.cli import run
from slo.clock import parse_time
from slo.governance import check
from slo.spec import load_files
from slo.units import parse_duration

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "chaos"


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((FOLDER / name).read_text(encoding="utf-8")))


def probes() -> dict[str, dict[str, Any]]:
    [engine] = documents("pod-delete.yaml")
    return {probe["name"]: probe for probe in engine["spec"]["experiments"][0]["spec"]["probe"]}


def test_the_engine_is_applied_stopped_and_can_be_judged() -> None:
    [engine] = documents("pod-delete.yaml")
    read = read_engine(engine)
    assert engine["spec"]["engineState"] == "stop"
    assert (read.wish.faults, read.wish.doubts, read.duration_seconds) == (("pod-delete",), (), 30)
    assert read.wish.target_namespace == read.wish.namespace == "cloudshop-prod"
    assert read.objectives == ("cloudshop/availability",)


def test_the_budget_is_asked_before_and_during_and_a_no_stops_it() -> None:
    asking = [probe for probe in probes().values() if "/budget/check?gate=chaos" in probe["httpProbe/inputs"]["url"]]
    assert [probe["mode"] for probe in asking] == ["SOT", "Continuous"]
    for probe in asking:
        assert probe["runProperties"]["stopOnFailure"] is True
        assert probe["httpProbe/inputs"]["method"] == {"get": {"criteria": "==", "responseCode": "200"}}


def test_run_properties_are_in_each_probe_with_durations_as_text() -> None:
    for probe in probes().values():
        properties = probe["runProperties"]
        for name in ("probeTimeout", "interval"):
            assert parse_duration(properties[name]) > 0
        assert isinstance(properties["attempt"], int)
        assert ("probePollingInterval" in properties) == (probe["mode"] == "Continuous")


def test_what_runs_is_pinned_and_limited() -> None:
    """The policies of the cluster hold for chaos, too."""
    [engine] = documents("pod-delete.yaml")
    runner = engine["spec"]["components"]["runner"]
    fault = engine["spec"]["experiments"][0]["spec"]["components"]
    for image, part in ((runner["image"], runner), (fault["experimentImage"], fault)):
        assert image.rpartition(":")[2] not in ("latest", image)
        assert set(part["resources"]) == {"requests", "limits"}
        assert all(set(one) == {"cpu", "memory"} for one in part["resources"].values())


def test_litmus_may_do_what_it_needs_in_one_namespace_alone() -> None:
    found = documents("rbac.yaml")
    assert {one["kind"] for one in found} == {"ServiceAccount", "Role", "RoleBinding"}
    assert {one["metadata"]["namespace"] for one in found} == {"cloudshop-prod"}
    [role] = [one for one in found if one["kind"] == "Role" and one["metadata"]["name"] == "litmus-admin"]
    may = {(resource, verb) for rule in role["rules"] for resource in rule["resources"] for verb in rule["verbs"]}
    needed = {("pods", "create"), ("events", "create"), ("pods/log", "get"), ("jobs", "create")}
    assert needed | {("chaosresults", "create"), ("chaosengines", "patch"), ("chaosexperiments", "get")} <= may
    assert not any("*" in (resource, verb) or resource == "secrets" for resource, verb in may)


@pytest.mark.parametrize("file", ["examples/cloudshop.yaml", "deploy/kubernetes/base/objectives/cloudshop.yaml"])
def test_the_rules_of_the_example_are_made_for_the_engine_and_for_no_other(file: str) -> None:
    [rules] = [gate.chaos for gate in load_files([ROOT / file]).gates if gate.name == "chaos"]
    [engine] = documents("pod-delete.yaml")
    at = parse_time("2026-11-01T03:00:00Z")
    assert rules is not None
    assert check(rules, read_engine(engine).wish, at=at) == ()
    for change in (
        {"appinfo": {**engine["spec"]["appinfo"], "applabel": "app=cart"}},
        {"chaosServiceAccount": "default"},
        {"experiments": [{**engine["spec"]["experiments"][0], "name": "pod-cpu-hog"}]},
    ):
        other = {**engine, "spec": {**engine["spec"], **change}}
        assert len(check(rules, read_engine(other).wish, at=at)) == 1, change


def test_the_plan_in_the_docs_is_what_is_printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    page = (ROOT / "docs" / "chaos.md").read_text(encoding="utf-8")
    command, _, printed = page.partition("```console\n$ slo ")[2].partition("\n")
    assert run(command.split()) == 0
    assert printed.startswith(capsys.readouterr().out)
