"""Guarded runs on a real API server: started, watched, halted, killed and found again. Litmus' operator is played."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.platform.chaos_scene import GUARD, ROOT, Scene, finished, new_scene
from tests.support.kubernetes import ApiServer
from tests.support.litmus import PlayedOperator, played_operator

pytestmark = pytest.mark.platform


def test_a_run_that_passes_is_reported_with_what_it_cost(scene: Scene, operator: PlayedOperator) -> None:
    code, [report], said = scene.run("--report", str(scene.folder / "report.json"))
    assert (code, report["outcome"], report["verdict"]) == (0, "completed", "Pass"), said
    assert report["results"]["pod-delete"]["probeSuccessPercentage"] == "100"
    [budget] = report["budgets"]
    assert budget["spent"] == 0
    assert budget["estimated"] == budget["worst"] > 0
    assert budget["remaining_before"] > 1000
    assert json.loads((scene.folder / "report.json").read_text()) == report
    assert scene.lease().holder == ""
    assert scene.engine["spec"]["engineState"] == "stop"


def test_a_verdict_that_is_no_pass_is_no_success(scene: Scene, operator: PlayedOperator) -> None:
    operator.verdict = "Fail"
    code, [report], _ = scene.run()
    assert (code, report["outcome"], report["verdict"]) == (1, "completed", "Fail")


def test_the_permissions_of_deploy_suffice_for_a_guard(chaos_server: ApiServer, tmp_path: Path) -> None:
    scene = new_scene(chaos_server, tmp_path, "cloudshop-prod")
    chaos_server.apply(ROOT / "deploy" / "chaos" / "rbac.yaml")
    scene.kubeconfig = chaos_server.kubeconfig_of(GUARD)
    with played_operator(chaos_server.kubeconfig, scene.namespace):
        code, documents, said = scene.run()
    assert (code, [one["outcome"] for one in documents]) == (0, ["completed"]), said


def test_overspend_halts_it_and_a_long_rest_follows(scene: Scene, operator: PlayedOperator) -> None:
    operator.lasts_seconds = 600
    process = scene.start()
    scene.until_running()
    minute = int(time.time()) // 60
    scene.write(minute, minute + 1, bad=500)
    code, [report], said = finished(process)
    assert (code, report["outcome"], report["verdict"]) == (1, "halted", "Stopped"), said
    assert "500 bad events since the start" in report["halt"]["reason"]
    assert report["halt"]["latency_seconds"] <= 60
    assert report["budgets"][0]["spent"] == 500
    assert scene.cluster.count_pods(scene.namespace, scene.engine["metadata"]["uid"]) == 0
    code, [refused], _ = scene.run()
    assert (code, refused["may_start"]) == (1, False)
    assert any("the budget rests after the last run until" in line for line in refused["refusals"])


def test_a_lost_ledger_halts_it(scene: Scene, operator: PlayedOperator) -> None:
    operator.lasts_seconds = 600
    process = scene.start()
    scene.until_running()
    (scene.folder / "slo.db").rename(scene.folder / "gone.db")
    code, [report], said = finished(process)
    assert (code, report["outcome"]) == (1, "halted"), said
    assert "the budget could not be observed since" in report["halt"]["reason"]


def test_an_interrupted_guard_halts_what_it_started(scene: Scene, operator: PlayedOperator) -> None:
    operator.lasts_seconds = 600
    process = scene.start()
    scene.until_running()
    process.terminate()
    code, [report], _ = finished(process)
    assert (code, report["outcome"], report["halt"]["reason"]) == (1, "halted", "the guard was interrupted")


@pytest.mark.parametrize("goes_on", [True, False])
def test_a_guard_that_was_killed_is_followed_by_one_that_finishes_or_halts_its_run(
    scene: Scene, operator: PlayedOperator, goes_on: bool
) -> None:
    operator.lasts_seconds = 600
    process = scene.start()
    scene.until_running()
    process.kill()
    process.communicate()
    if not goes_on:
        operator.lasts_seconds = 0
        scene.until(lambda: scene.engine["status"]["engineStatus"] == "completed")
    code, documents, said = scene.run("--report", str(scene.folder / "report.json"))
    found = documents[0]
    assert json.loads((scene.folder / f"report-{found['run']}.json").read_text()) == found
    assert json.loads((scene.folder / "report.json").read_text()) == documents[1]
    assert (found["recovered"], found["outcome"]) == (True, "halted" if goes_on else "completed"), said
    if goes_on:
        assert (code, documents[1]["may_start"]) == (1, False)
        assert scene.engine["status"]["engineStatus"] == "stopped"
    else:
        assert documents[1]["outcome"] == "completed"
    assert scene.lease().holder == ""


def test_two_guards_on_one_objective_one_runs(scene: Scene, operator: PlayedOperator) -> None:
    operator.lasts_seconds = 10
    first = scene.start()
    scene.until_running()
    code, documents, said = scene.run()
    assert code == 1
    assert any("is under way; it is left alone" in line for line in documents[-1]["refusals"]), said
    assert finished(first)[0] == 0


def test_a_run_of_somebody_else_is_told_and_not_touched(scene: Scene) -> None:
    scene.cluster.patch_engine(scene.namespace, "frontend-chaos", {"spec": {"engineState": "active"}})
    before = scene.engine
    code, [refused], _ = scene.run()
    assert code == 1
    assert "the engine is active already, started by somebody else; it is left alone" in refused["refusals"]
    assert scene.engine == before


def test_an_engine_that_ignores_its_stop_is_told_again_and_that_is_said(scene: Scene, operator: PlayedOperator) -> None:
    operator.lasts_seconds, operator.obeys = 600, False
    process = scene.start()
    scene.until_running()
    process.terminate()
    assert process.stderr is not None
    while "ignores that it was told to stop" not in (said := process.stderr.readline()):
        assert process.poll() is None, said
    assert scene.engine["spec"]["engineState"] == "stop"
    operator.obeys = True
    code, [report], said = finished(process)
    assert (code, report["outcome"]) == (1, "halted"), said
    assert report["halt"]["ignored"]
    assert report["halt"]["latency_seconds"] > 45


def test_an_api_server_that_is_lost_and_comes_back_finds_the_run_halted(scene: Scene, operator: PlayedOperator) -> None:
    operator.lasts_seconds = 600
    process = scene.start()
    scene.until_running()
    scene.server.kill()
    try:
        assert process.stderr is not None
        while "halting: " not in (said := process.stderr.readline()):
            assert process.poll() is None, said
        assert "the cluster could not be reached since" in said
    finally:
        scene.server.start()
    code, [report], said = finished(process)
    assert (code, report["outcome"]) == (1, "halted"), said
    assert report["halt"]["reason"].startswith("the cluster could not be reached since")


def test_a_file_that_is_not_what_the_cluster_has_is_told(scene: Scene) -> None:
    scene.cluster.patch_engine(scene.namespace, "frontend-chaos", {"spec": {"appinfo": {"applabel": "app=cart"}}})
    code, documents, said = scene.run()
    assert (code, documents) == (2, [])
    assert "spec.appinfo.applabel is another one in the cluster; apply the file" in said


def test_what_the_rules_do_not_list_is_refused(scene: Scene) -> None:
    file = scene.folder / "objectives.yaml"
    file.write_text(file.read_text().replace("[pod-delete]", "[pod-cpu-hog]"))
    code, [refused], _ = scene.run()
    assert code == 1
    assert "the fault 'pod-delete' is not allowed" in refused["refusals"][0]
    assert scene.engine["spec"]["engineState"] == "stop"


def test_a_report_that_could_not_be_written_is_told_before_anything_starts(scene: Scene) -> None:
    code, documents, said = scene.run("--report", str(scene.folder / "none" / "report.json"))
    assert (code, documents) == (2, [])
    assert "--report: " in said
    assert scene.engine["spec"]["engineState"] == "stop"


def test_a_report_that_cannot_be_written_any_more_is_printed_all_the_same(
    scene: Scene, operator: PlayedOperator
) -> None:
    operator.lasts_seconds = 600
    place = scene.folder / "reports"
    place.mkdir()
    process = scene.start("--report", str(place / "report.json"))
    scene.until_running()
    place.rmdir()
    operator.lasts_seconds = 0
    code, [report], said = finished(process)
    assert (code, report["outcome"]) == (0, "completed"), said
    assert "report.json: cannot be written" in said


def test_what_was_finished_is_told_where_the_budget_is_lost_after_that(scene: Scene, operator: PlayedOperator) -> None:
    """The run of a killed guard is halted; for its own the next one lacks the ledger."""
    operator.lasts_seconds = 600
    process = scene.start()
    scene.until_running()
    process.kill()
    process.communicate()
    (scene.folder / "slo.db").rename(scene.folder / "gone.db")
    code, [found], said = scene.run()
    assert (code, found["recovered"], found["outcome"]) == (3, True, "halted"), said
    assert scene.engine["status"]["engineStatus"] == "stopped"


def test_without_a_cluster_nothing_is_begun(scene: Scene) -> None:
    scene.kubeconfig = scene.folder / "none"
    code, documents, said = scene.run()
    assert (code, documents) == (2, [])
    assert "no cluster to go to" in said
