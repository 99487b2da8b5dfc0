"""What past runs say about the next one: several real runs over a real API server, whose Leases remember them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.platform.chaos_scene import SLO, Scene, finished
from tests.support.litmus import PlayedOperator

pytestmark = pytest.mark.platform


def run_that_costs(bad: int, scene: Scene, operator: PlayedOperator, *, ends: bool = True) -> dict[str, Any]:
    """In a minute that is counted while the run goes on. ends: by itself, and not before somebody halts it."""
    operator.lasts_seconds = 600.0
    process = scene.start("--settle", "2m")
    scene.until_running()
    scene.write_next_minute(bad=bad)
    operator.lasts_seconds = 0.0 if ends else 600.0
    _, [report], said = finished(process)
    assert report["budgets"][0]["counted"] or report["outcome"] == "halted", said
    return report


def test_after_three_runs_twice_the_dearest_is_reserved(scene: Scene, operator: PlayedOperator) -> None:
    [first] = scene.plan()["budgets"]
    assert (first["past_runs"], first["estimated"]) == (0, first["worst"])
    for spent in (0, 1, 0):
        report = run_that_costs(spent, scene, operator)
        assert (report["outcome"], report["budgets"][0]["spent"]) == ("completed", spent)
        assert report["budgets"][0]["estimated"] == first["worst"]

    [refined] = scene.plan()["budgets"]
    assert (refined["past_runs"], refined["estimated"]) == (3, 2)
    assert refined["estimated"] < refined["worst"] == first["worst"]
    assert list(scene.lease().history.values()) == [(0.0, 1 / first["worst"], 0.0)]

    overspent = run_that_costs(3, scene, operator, ends=False)
    assert overspent["outcome"] == "halted"
    assert overspent["budgets"][0]["estimated"] == 2
    assert overspent["halt"]["reason"] == f"{SLO}: 3 bad events since the start, and 2 were reserved"
    assert scene.plan()["budgets"][0]["past_runs"] == 3, "a run that was halted says nothing of what a whole one costs"


def test_a_run_that_is_not_counted_in_full_is_not_remembered(scene: Scene, operator: PlayedOperator) -> None:
    code, [report], said = scene.run("--settle", "0s")
    assert (code, report["budgets"][0]["counted"]) == (0, False), said
    assert scene.plan()["budgets"][0]["past_runs"] == 0


@pytest.mark.parametrize("written", ["[1, 2, 3]", "{", json.dumps({"NAMESPACE/frontend-chaos": ["x", None, {}]})])
def test_a_history_that_somebody_else_wrote_is_none(written: str, scene: Scene, operator: PlayedOperator) -> None:
    scene.run()
    patch = json.dumps(
        {"metadata": {"annotations": {"slo-chaos-history": written.replace("NAMESPACE", scene.namespace)}}}
    )
    scene.server.kubectl("patch", "lease", scene.lease_name, "-n", scene.namespace, "--type=merge", "-p", patch)
    [budget] = scene.plan()["budgets"]
    assert (budget["past_runs"], budget["estimated"]) == (0, budget["worst"])
    assert scene.run()[0] == 0
