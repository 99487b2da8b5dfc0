"""The part of Litmus' operator, played on a real API server: nothing runs pods there, and the operator is not at hand.

It does what chaosengine_controller.go of litmuschaos/chaos-operator 3.x does to an engine's spec and status, and has
one pod of the engine's chaos while it runs.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

DEFINITIONS = Path(__file__).with_name("litmus.yaml")
_MERGE = "application/merge-patch+json"
_ENGINES = ("litmuschaos.io", "v1alpha1")


@dataclass
class PlayedOperator:
    """Of one namespace. lasts_seconds: how long chaos goes on; obeys: whether it acts on a stop; verdict: of all.

    runs: what it began, by the ids that guards mark engines with, "" for somebody else's.
    """

    kubeconfig: Path
    namespace: str
    lasts_seconds: float = 2.0
    obeys: bool = True
    verdict: str = "Pass"
    runs: list[str] = field(default_factory=list)
    _began: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        settings = client.Configuration()
        config.load_kube_config(str(self.kubeconfig), client_configuration=settings)  # type: ignore[no-untyped-call]
        settings.retries = False
        api = client.ApiClient(settings)
        self._objects, self._core = client.CustomObjectsApi(api), client.CoreV1Api(api)

    def reconcile(self) -> None:
        """Every engine once."""
        for engine in self._list()["items"]:
            self._reconcile(engine)

    def _reconcile(self, engine: dict[str, Any]) -> None:
        name, uid = engine["metadata"]["name"], engine["metadata"]["uid"]
        state, status = engine["spec"].get("engineState"), engine.get("status", {}).get("engineStatus")
        if state == "active" and status != "initialized":
            self._began[name] = time.monotonic()
            self._pod(name, uid)
            self.runs.append(engine["metadata"].get("annotations", {}).get("slo-chaos-run", ""))
            self._patch(name, {"status": {"engineStatus": "initialized"}})
        elif state == "active" and time.monotonic() - self._began.get(name, 0.0) >= self.lasts_seconds:
            self._remove_pod(name)
            for experiment in engine["spec"]["experiments"]:
                self._result(f"{name}-{experiment['name']}")
            self._patch(name, {"spec": {"engineState": "stop"}, "status": {"engineStatus": "completed"}})
        elif state == "stop" and status == "initialized" and self.obeys:
            self._remove_pod(name)
            self._patch(name, {"status": {"engineStatus": "stopped"}})

    def _list(self) -> dict[str, Any]:
        found: dict[str, Any] = self._objects.list_namespaced_custom_object(
            *_ENGINES, self.namespace, "chaosengines", _request_timeout=5
        )  # type: ignore[assignment]
        return found

    def _patch(self, name: str, patch: dict[str, Any]) -> None:
        self._objects.patch_namespaced_custom_object(
            *_ENGINES, self.namespace, "chaosengines", name, patch, _content_type=_MERGE, _request_timeout=5
        )

    def _pod(self, name: str, uid: str) -> None:
        metadata = {"name": f"{name}-runner", "labels": {"chaosUID": uid}}
        containers = [{"name": "runner", "image": "litmuschaos/chaos-runner:3.28.0"}]
        pod = {"metadata": metadata, "spec": {"containers": containers}}  # plain data do, whatever the stubs say
        try:
            self._core.create_namespaced_pod(self.namespace, pod)  # type: ignore[arg-type]
        except ApiException as error:
            if error.status != 409:
                raise

    def _remove_pod(self, name: str) -> None:
        try:
            self._core.delete_namespaced_pod(f"{name}-runner", self.namespace, grace_period_seconds=0)
        except ApiException as error:
            if error.status != 404:
                raise

    def _result(self, name: str) -> None:
        place = (*_ENGINES, self.namespace, "chaosresults")
        status = {"experimentStatus": {"phase": "Completed", "verdict": self.verdict, "probeSuccessPercentage": "100"}}
        body = {
            "apiVersion": "litmuschaos.io/v1alpha1",
            "kind": "ChaosResult",
            "metadata": {"name": name},
            "status": status,
        }
        try:
            self._objects.create_namespaced_custom_object(*place, body)
        except ApiException as error:
            if error.status != 409:
                raise
            again = {"metadata": {"annotations": {"seen": str(time.monotonic())}}, "status": status}
            self._objects.patch_namespaced_custom_object(*place, name, again, _content_type=_MERGE)


@contextmanager
def played_operator(kubeconfig: Path, namespace: str, **how: Any) -> Iterator[PlayedOperator]:
    """Reconciling until the end of the block, also through times in which the API server is lost."""
    operator = PlayedOperator(kubeconfig, namespace, **how)
    ending = threading.Event()

    def reconcile() -> None:
        while not ending.wait(0.2):
            try:
                operator.reconcile()
            except (ApiException, HTTPError, OSError):
                continue  # as a controller: again, from what is found then

    thread = threading.Thread(target=reconcile)
    thread.start()
    try:
        yield operator
    finally:
        ending.set()
        thread.join()
