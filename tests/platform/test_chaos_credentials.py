"""Runs that outlive the credentials that they began with, on a real API server that makes and revokes real tokens."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest
import yaml
from kubernetes.config import incluster_config

from slo.chaos import cluster as clusters
from slo.chaos.cluster import Cluster
from slo.errors import ClusterError, ClusterRefusalError
from tests.http.served import eventually
from tests.platform.chaos_scene import ROOT, Scene, finished, new_scene
from tests.support.kubernetes import ApiServer
from tests.support.litmus import played_operator

pytestmark = pytest.mark.platform

NAMESPACE = "cloudshop-prod"
_NUMBERS = count(1)


@pytest.fixture(scope="module")
def scene(chaos_server: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    made = new_scene(chaos_server, tmp_path_factory.mktemp("scene"), NAMESPACE)
    chaos_server.apply(ROOT / "deploy" / "chaos" / "rbac.yaml")
    return made


class Token:
    """A token of the guard's service account, which is worth something until it is revoked."""

    def __init__(self, server: ApiServer) -> None:
        self._server, self._bound_to = server, f"bound-to-{next(_NUMBERS)}"
        server.kubectl("create", "secret", "generic", self._bound_to, "-n", NAMESPACE)
        binding = ("--bound-object-kind=Secret", f"--bound-object-name={self._bound_to}")
        self.text = server.kubectl("create", "token", "slo-chaos-guard", "-n", NAMESPACE, *binding).stdout.strip()

    def revoke(self) -> None:
        """Returns when the server, which remembers for some seconds whom it has let in, lets nobody in by it."""
        self._server.kubectl("delete", "secret", self._bound_to, "-n", NAMESPACE)
        eventually(lambda: self._server.asked("/api", token=self.text).status_code == 401)


def kubeconfig_of(server: ApiServer, token_file: Path) -> Path:
    document = yaml.safe_load(server.kubeconfig.read_text())
    document["users"][0]["user"] = {"tokenFile": token_file.name}
    file = token_file.with_name("kubeconfig")
    file.write_text(yaml.safe_dump(document))
    return file


def test_a_run_outlives_the_token_that_it_began_with(scene: Scene, chaos_server: ApiServer, tmp_path: Path) -> None:
    """As one that takes more than an hour does: another token stands in the file before the first is worth nothing."""
    token, file = Token(chaos_server), tmp_path / "token"
    file.write_text(token.text)
    scene.kubeconfig = kubeconfig_of(chaos_server, file)
    with played_operator(chaos_server.kubeconfig, NAMESPACE, lasts_seconds=600.0) as operator:
        process = scene.start()
        scene.until_running()
        file.write_text(Token(chaos_server).text)
        token.revoke()
        before = scene.lease().version
        scene.until(lambda: scene.lease().version != before)
        operator.lasts_seconds = 0.0
        code, [report], said = finished(process)
    assert (code, report["outcome"], report["halt"]) == (0, "completed", None), said


def test_a_run_whose_token_is_worth_nothing_any_more_is_halted_once_there_is_another(
    scene: Scene, chaos_server: ApiServer, tmp_path: Path
) -> None:
    token, file = Token(chaos_server), tmp_path / "token"
    file.write_text(token.text)
    scene.kubeconfig = kubeconfig_of(chaos_server, file)
    with played_operator(chaos_server.kubeconfig, NAMESPACE, lasts_seconds=600.0):
        process = scene.start()
        scene.until_running()
        token.revoke()
        assert process.stderr is not None
        while "halting: " not in (said := process.stderr.readline()):
            assert process.poll() is None, said
        assert "the cluster could not be reached since" in said
        file.write_text(Token(chaos_server).text)
        code, [report], said = finished(process)
    assert (code, report["outcome"]) == (1, "halted"), said


def test_in_a_pod_an_exchanged_token_is_taken_up(
    scene: Scene, chaos_server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kubelet exchanges it in the file; the file may be empty for a moment, and that is told as trouble."""
    token, file = Token(chaos_server), tmp_path / "token"
    file.write_text(token.text)
    host, _, port = chaos_server.url.removeprefix("https://").partition(":")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", port)
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(file))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(chaos_server.certificate))
    monkeypatch.setattr(clusters, "_OWN_TOKEN", file)
    own = Cluster()
    assert own.engine(NAMESPACE, "frontend-chaos") is not None
    with pytest.raises(ClusterRefusalError, match="HTTP 403"):
        own.engine("default", "frontend-chaos")
    token.revoke()
    with pytest.raises(ClusterRefusalError, match="HTTP 401"):
        own.engine(NAMESPACE, "frontend-chaos")
    file.write_text("")
    with pytest.raises(ClusterError, match="Token file exists but empty"):
        own.engine(NAMESPACE, "frontend-chaos")
    file.write_text(Token(chaos_server).text)
    assert own.engine(NAMESPACE, "frontend-chaos") is not None
