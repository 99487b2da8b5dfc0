"""What others do to a run on a real API server: engines that are not what they seem, and guards that are in the way."""

from __future__ import annotations

import signal
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from slo.chaos.lease import Leases
from tests.platform.chaos_scene import SLO, Scene, finished, new_scene
from tests.support.held import Asked, way_to
from tests.support.litmus import PlayedOperator

pytestmark = pytest.mark.platform


def edit_engine(scene: Scene, **spec: Any) -> None:
    """In the file, and in the cluster as well."""
    file = scene.folder / "engine.yaml"
    engine = yaml.safe_load(file.read_text())
    engine["spec"] |= spec
    file.write_text(yaml.safe_dump(engine))
    scene.cluster.patch_engine(scene.namespace, "frontend-chaos", {"spec": spec})


def assert_untouched(scene: Scene, operator: PlayedOperator) -> None:
    assert (operator.runs, scene.engine["spec"]["engineState"]) == ([], "stop")
    assert scene.lease().holder == ""


def test_an_engine_that_aims_at_another_namespace_is_refused(scene: Scene, operator: PlayedOperator) -> None:
    target = {"appns": "kube-system", "applabel": "app=frontend", "appkind": "deployment"}
    edit_engine(scene, appinfo=target)
    code, [refused], said = scene.run()
    assert (code, refused["may_start"]) == (1, False), said
    assert f"it aims at the namespace 'kube-system' from '{scene.namespace}'" in refused["refusals"][0]
    assert_untouched(scene, operator)


def test_a_target_that_a_fault_is_told_behind_the_back_of_the_rules_is_refused(
    scene: Scene, operator: PlayedOperator
) -> None:
    [experiment] = scene.engine["spec"]["experiments"]
    experiment["spec"]["components"]["env"].append({"name": "APP_NAMESPACE", "value": "kube-system"})
    edit_engine(scene, experiments=[experiment])
    code, [refused], _ = scene.run()
    assert code == 1
    assert any("sets APP_NAMESPACE; say the target in spec.appinfo alone" in line for line in refused["refusals"])
    assert_untouched(scene, operator)


def test_an_enormous_engine_in_the_cluster_is_told_and_not_started(scene: Scene, operator: PlayedOperator) -> None:
    """Its file is small: what counts is what would run."""
    patch = {"spec": {"components": {"runner": {"note": "x" * 400_000}}}}
    scene.cluster.patch_engine(scene.namespace, "frontend-chaos", patch)
    code, documents, said = scene.run()
    assert (code, documents) == (2, [])
    assert said.splitlines()[-1].endswith("the ChaosEngine is larger than 256 KiB")
    assert_untouched(scene, operator)


def test_an_enormous_file_is_told(scene: Scene, operator: PlayedOperator) -> None:
    with (scene.folder / "engine.yaml").open("a") as file:
        file.write("# " + "x" * 2_000_000 + "\n")
    code, documents, said = scene.run()
    assert (code, documents) == (2, [])
    assert "is larger than 1 MiB" in said
    assert_untouched(scene, operator)


def test_an_engine_that_another_run_takes_over_is_left_to_it(scene: Scene, operator: PlayedOperator) -> None:
    operator.lasts_seconds = 600.0
    process = scene.start()
    scene.until_running()
    taken = {"metadata": {"annotations": {"slo-chaos-run": "somebody-else"}}}
    scene.cluster.patch_engine(scene.namespace, "frontend-chaos", taken)
    code, [report], said = finished(process)
    assert (code, report["outcome"]) == (1, "lost"), said
    assert report["halt"]["reason"] == "the engine was taken over by another run"
    assert scene.engine["spec"]["engineState"] == "active"


def test_an_engine_that_is_deleted_ends_its_run(scene: Scene, operator: PlayedOperator) -> None:
    operator.lasts_seconds = 600.0
    process = scene.start()
    scene.until_running()
    scene.server.kubectl("delete", "chaosengine", "frontend-chaos", "-n", scene.namespace)
    code, [report], said = finished(process)
    assert (code, report["outcome"], report["halt"]["reason"]) == (1, "lost", "the engine is gone"), said


def test_a_lease_that_is_taken_away_halts_the_run(scene: Scene, operator: PlayedOperator) -> None:
    operator.lasts_seconds = 600.0
    process = scene.start()
    scene.until_running()
    scene.server.kubectl(
        *("patch", "lease", scene.lease_name, "-n", scene.namespace, "--type=merge"),
        *("-p", '{"spec": {"holderIdentity": "somebody-else"}}'),
    )
    code, [report], said = finished(process)
    assert (code, report["outcome"], report["halt"]["reason"]) == (1, "halted", "another guard has taken the lease"), (
        said
    )


def test_of_two_guards_that_take_the_lease_at_once_one_runs(scene: Scene, operator: PlayedOperator) -> None:
    """Both have seen it free; the other one is quicker."""
    with way_to(scene.server.url, scene.server.certificate) as way:
        scene.kubeconfig = scene.server.kubeconfig_by(way.url)
        hold = way.hold(lambda asked: asked.method == "POST" and "/leases" in asked.path)
        process = scene.start()
        hold.until_held()
        other = Leases(scene.cluster, scene.namespace, [SLO], holder="quicker", ttl_seconds=30)
        other.acquire({}, other.look(), datetime.now(UTC))
        hold.release()
        code, [refused], said = finished(process)
    assert (code, refused["may_start"]) == (1, False), said
    assert refused["refusals"] == ["another guard was quicker"]
    assert scene.lease().holder == "quicker"
    assert (operator.runs, scene.engine["spec"]["engineState"]) == ([], "stop")


@pytest.mark.parametrize("record", ["", '{"run": "x"}', "{" * 5000])
def test_a_lease_that_is_of_no_run_is_not_taken_over(record: str, scene: Scene, operator: PlayedOperator) -> None:
    Leases(scene.cluster, scene.namespace, [SLO], holder="who?", ttl_seconds=1).acquire(
        {}, {SLO: scene.lease()}, datetime.now(UTC)
    )
    patch = yaml.safe_dump({"metadata": {"annotations": {"slo-chaos-run": record}}})
    scene.server.kubectl("patch", "lease", scene.lease_name, "-n", scene.namespace, "--type=merge", "-p", patch)
    code, documents, said = scene.run()
    assert (code, documents) == (2, [])
    assert "its lease is held by 'who?', which says nothing of a run; remove the lease if it is none" in said
    assert (operator.runs, scene.lease().holder) == ([], "who?")


@pytest.fixture
def elsewhere(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Another engine in a namespace of its own, which spends the same objective's budget."""
    return new_scene(scene.server, tmp_path_factory.mktemp("elsewhere"))


def test_engines_of_two_namespaces_that_share_a_place_for_leases_do_not_run_at_once(
    scene: Scene, elsewhere: Scene, operator: PlayedOperator
) -> None:
    operator.lasts_seconds = 600.0
    first = scene.start("--lease-namespace", scene.namespace)
    scene.until_running()
    code, [refused], said = elsewhere.run("--lease-namespace", scene.namespace)
    assert (code, refused["may_start"]) == (1, False), said
    assert any("is under way; it is left alone" in line for line in refused["refusals"])
    assert elsewhere.engine["spec"]["engineState"] == "stop"
    operator.lasts_seconds = 0.0
    assert finished(first)[0] == 0


def test_what_a_killed_guard_left_is_halted_by_the_guard_of_another_engine(
    scene: Scene, elsewhere: Scene, operator: PlayedOperator
) -> None:
    operator.lasts_seconds = 600.0
    first = scene.start("--lease-namespace", scene.namespace)
    scene.until_running()
    first.kill()
    first.communicate()
    code, [found, refused], said = elsewhere.run("--lease-namespace", scene.namespace)
    assert (found["recovered"], found["outcome"], found["engine"]["namespace"]) == (True, "halted", scene.namespace), (
        said
    )
    assert (code, refused["may_start"]) == (1, False)
    assert scene.engine["status"]["engineStatus"] == "stopped"
    assert elsewhere.engine["spec"]["engineState"] == "stop"


def test_a_guard_that_is_only_slow_is_not_taken_for_dead_by_one_with_less_patience(
    scene: Scene, operator: PlayedOperator
) -> None:
    """Its own lease says how long it may be silent."""
    operator.lasts_seconds = 600.0
    slow = scene.start(ttl="5m")
    scene.until_running()
    looks: list[Asked] = []

    def note(asked: Asked) -> bool:
        """Counts the looks at the lease; holds none of them."""
        if asked.method == "GET" and "/leases/" in asked.path:
            looks.append(asked)
        return False

    with way_to(scene.server.url, scene.server.certificate) as way:
        way.hold(note)
        scene.kubeconfig = scene.server.kubeconfig_by(way.url)
        slow.send_signal(signal.SIGSTOP)
        hasty = scene.start(ttl="2s")
        scene.until(lambda: len(looks) > 10)  # two a second
        slow.send_signal(signal.SIGCONT)
        code, [refused], said = finished(hasty)
    assert (code, refused["may_start"]) == (1, False), said
    assert any("is under way; it is left alone" in line for line in refused["refusals"])
    operator.lasts_seconds = 0.0
    code, [report], said = finished(slow)
    assert (code, report["outcome"]) == (0, "completed"), said
