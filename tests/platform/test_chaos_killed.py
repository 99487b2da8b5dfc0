"""Guards that are killed in the middle of a request to a real API server, at every step of a run, and whoever comes
next: it finds and finishes or halts what was left, and there are never two runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.platform.chaos_scene import SLO, Scene, finished
from tests.support.held import Asked, Way, way_to
from tests.support.litmus import PlayedOperator

pytestmark = pytest.mark.platform


@pytest.fixture
def way(scene: Scene) -> Iterator[Way]:
    """Which the first guard goes."""
    with way_to(scene.server.url, scene.server.certificate) as passing:
        scene.kubeconfig = scene.server.kubeconfig_by(passing.url)
        yield passing


def writes_lease(asked: Asked, *, held: bool) -> bool:
    """held: by a run, or given back."""
    if asked.method not in ("POST", "PUT") or "/leases" not in asked.path:
        return False
    return bool(json.loads(asked.body)["spec"]["holderIdentity"]) is held


def tells(asked: Asked, state: str) -> bool:
    """Whether the engine is told to be in a state."""
    return asked.method == "PATCH" and json.loads(asked.body)["spec"] == {"engineState": state}


@dataclass(frozen=True)
class Step:
    """at: the request in which the guard is killed; found: how what it left ends, "" for nothing left; lasts_seconds:
    of its chaos; interrupted: once it runs; is_made: whether the engine is there before."""

    at: Callable[[Asked, Scene], bool]
    found: str
    lasts_seconds: float = 0.0
    interrupted: bool = False
    is_made: bool = True


LONG = 600.0
STEPS = {
    "the engine is made": Step(
        lambda asked, _: asked.method == "POST" and "chaosengines" in asked.path, "", is_made=False
    ),
    "a lease is taken": Step(lambda asked, _: writes_lease(asked, held=True), ""),
    "the engine is started": Step(lambda asked, _: tells(asked, "active"), "not_started"),
    "it runs": Step(
        lambda asked, scene: writes_lease(asked, held=True) and scene.is_running, "halted", lasts_seconds=LONG
    ),
    "it is stopped": Step(lambda asked, _: tells(asked, "stop"), "halted", lasts_seconds=LONG, interrupted=True),
    "its end is looked at": Step(
        lambda asked, scene: "chaosresults" in asked.path and scene.has_completed, "completed"
    ),
    "its last events are waited for": Step(
        lambda asked, scene: writes_lease(asked, held=True) and scene.has_completed, "completed"
    ),
    "its lease is given back": Step(lambda asked, _: writes_lease(asked, held=False), "completed"),
}
ANSWERED = {
    "the engine is made": STEPS["the engine is made"],
    "a lease is taken": Step(STEPS["a lease is taken"].at, "not_started"),
    "the engine is started": Step(STEPS["the engine is started"].at, "halted", lasts_seconds=LONG),
    "it is stopped": STEPS["it is stopped"],
    "its lease is given back": Step(STEPS["its lease is given back"].at, ""),
}
"""The same where the request has come through, and its answer has not."""


def killed_at(step: Step, answered: bool, scene: Scene, way: Way, operator: PlayedOperator) -> None:
    operator.lasts_seconds = step.lasts_seconds
    if not step.is_made:
        scene.server.kubectl("delete", "chaosengine", "frontend-chaos", "-n", scene.namespace)
    hold = way.hold(lambda asked: step.at(asked, scene), answered=answered)
    process = scene.start()
    if step.interrupted:
        scene.until_running()
        process.terminate()
    hold.until_held()
    process.kill()
    process.communicate()
    hold.drop()


def check_what_follows(step: Step, scene: Scene, operator: PlayedOperator) -> None:
    """By another guard, which goes straight to the server."""
    scene.kubeconfig = scene.server.kubeconfig
    code, documents, said = scene.run()
    left = [one for one in documents if one.get("recovered")]
    assert [one["outcome"] for one in left] == ([step.found] if step.found else []), said
    own = documents[-1]
    if step.found == "halted":
        assert (code, own["may_start"]) == (1, False), "a rest follows a run that was halted"
        assert left[0]["halt"]["latency_seconds"] <= 60
    else:
        assert (code, own["outcome"], own["verdict"]) == (0, "completed", "Pass"), said
    began = [one["run"] for one in [*left, own] if one.get("outcome") not in (None, "not_started")]
    assert began == operator.runs[-len(began) :]
    assert len(set(operator.runs)) == len(operator.runs) <= 2
    assert scene.lease().holder == ""
    assert scene.engine["spec"]["engineState"] == "stop"
    assert scene.cluster.count_pods(scene.namespace, scene.engine["metadata"]["uid"]) == 0


@pytest.mark.parametrize("step", STEPS)
def test_killed_before_the_server_has_it(step: str, scene: Scene, way: Way, operator: PlayedOperator) -> None:
    killed_at(STEPS[step], False, scene, way, operator)
    check_what_follows(STEPS[step], scene, operator)


@pytest.mark.parametrize("step", ANSWERED)
def test_killed_before_it_has_the_answer(step: str, scene: Scene, way: Way, operator: PlayedOperator) -> None:
    killed_at(ANSWERED[step], True, scene, way, operator)
    check_what_follows(ANSWERED[step], scene, operator)


def test_killed_while_it_finishes_what_another_left(scene: Scene, way: Way, operator: PlayedOperator) -> None:
    """The third one finishes it."""
    killed_at(STEPS["it runs"], False, scene, way, operator)
    hold = way.hold(lambda asked: tells(asked, "stop"))
    second = scene.start()
    hold.until_held()
    second.kill()
    second.communicate()
    hold.drop()
    check_what_follows(STEPS["it runs"], scene, operator)


@pytest.mark.parametrize("answered", [False, True])
def test_killed_between_the_leases_of_two_objectives(
    answered: bool, scene: Scene, way: Way, operator: PlayedOperator
) -> None:
    """All of them or none: a half is found, and given back."""
    scene.promise_as_well("other")
    both = ("--slo", SLO, "--slo", "cloudshop/other")
    hold = way.hold(
        lambda asked: writes_lease(asked, held=True) and '"slo-objective": "cloudshop/other"' in asked.body,
        answered=answered,
    )
    process = scene.start(*both)
    hold.until_held()
    process.kill()
    process.communicate()
    hold.drop()
    assert (scene.lease().holder != "", operator.runs) == (True, [])
    scene.kubeconfig = scene.server.kubeconfig
    code, [found, own], said = scene.run(*both)
    assert (found["recovered"], found["outcome"]) == (True, "not_started"), said
    assert (code, own["outcome"]) == (0, "completed"), said
    assert [one["slo"] for one in own["budgets"]] == [SLO, "cloudshop/other"]
    assert operator.runs == [own["run"]]
    assert scene.lease().holder == ""


def test_an_engine_that_changes_between_the_check_and_the_start_is_not_started(
    scene: Scene, way: Way, operator: PlayedOperator
) -> None:
    """Started as it was checked, or not at all; and the report says so."""
    hold = way.hold(lambda asked: tells(asked, "active"))
    process = scene.start()
    hold.until_held()
    scene.cluster.patch_engine(scene.namespace, "frontend-chaos", {"spec": {"appinfo": {"applabel": "app=cart"}}})
    hold.release()
    code, [report], said = finished(process)
    assert (code, report["outcome"]) == (1, "not_started"), said
    assert report["halt"]["reason"].startswith("nothing was started: ")
    assert "refuses (HTTP 409)" in report["halt"]["reason"]
    assert (operator.runs, scene.engine["spec"]["engineState"]) == ([], "stop")
    assert scene.lease().holder == ""
