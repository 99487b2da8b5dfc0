"""Admission end to end: kubectl, a real API server, its webhooks over TLS, the running service, its record."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from slo.cli import run
from slo.record import Kind, Record, RecordEntry
from tests.http.served import eventually
from tests.platform.gated import EXHAUSTED, HEALTHY, SHOP, Gated, deployment, engine, gated
from tests.platform.manifests import KUBERNETES

pytestmark = pytest.mark.platform

REFUSED = 'admission webhook "chaos.slo.example.com" denied the request'


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gated]:
    with gated(tmp_path_factory.mktemp("gated")) as made:
        yield made


@pytest.fixture
def empty(cluster: Gated) -> Gated:
    """Without objects in the guarded namespace, and with budget left."""
    for kind, name in (("deployment", "frontend"), ("chaosengine", "frontend-chaos")):
        cluster.remove(kind, name)
    cluster.write_objectives(HEALTHY)
    return cluster


def calls(cluster: Gated) -> list[RecordEntry]:
    """What the record has of callers, newest first."""
    with Record(str(cluster.folder / "slo-record.db"), create=False) as record:
        return record.query(kinds=[Kind.CALL], limit=1000)


def test_a_healthy_budget_lets_deploys_and_chaos_in(empty: Gated) -> None:
    with empty.serving():
        assert empty.create(deployment()) == ""
        assert empty.create(engine("stop")) == ""
        assert empty.patch_engine("frontend-chaos", {"spec": {"engineState": "active"}}) == ""
        empty.remove("chaosengine", "frontend-chaos")
        assert empty.create(engine("active")) == ""
    (newest, *_) = calls(empty)
    assert newest.gate == "chaos"
    assert newest.by.startswith("admin through ")
    assert newest.allowed is True


def test_an_exhausted_budget_keeps_both_out_and_lets_chaos_be_stopped(empty: Gated) -> None:
    with empty.serving():
        assert empty.create(engine("active")) == ""
        assert empty.create(deployment()) == ""
        empty.promise(EXHAUSTED)
        # What runs can be stopped, its operator can write into it, and it cannot be started again.
        assert empty.patch_engine("frontend-chaos", {"status": {"engineStatus": "initialized"}}) == ""
        assert empty.patch_engine("frontend-chaos", {"spec": {"engineState": "stop"}}) == ""
        refused = empty.patch_engine("frontend-chaos", {"spec": {"engineState": "active"}})
        assert REFUSED in refused
        assert "gate 'chaos' says deny: " in refused
        assert "of the budget is left, 25 % is required" in refused
        empty.remove("chaosengine", "frontend-chaos")
        assert REFUSED in empty.create(engine("active"))
        assert REFUSED in empty.create(engine(None))  # which Litmus takes as active
        assert empty.create(engine("stop")) == ""
        # Scaling is no deploy; other pods are.
        words = ("-n", SHOP, "scale", "deployment", "frontend", "--replicas=3")
        assert empty.server.kubectl(*words).returncode == 0
        change = ("-n", SHOP, "set", "image", "deployment/frontend", "web=nginx:1.29.4")
        assert "gate 'deploy' says deny" in empty.server.kubectl(*change, check=False).stderr


def test_a_dry_run_is_decided_and_leaves_no_trace(empty: Gated) -> None:
    with empty.serving():
        assert empty.create(engine("active"), "--dry-run=server") == ""
        empty.promise(EXHAUSTED)
        before = len(calls(empty))
        assert REFUSED in empty.create(engine("active"), "--dry-run=server")
        assert len(calls(empty)) == before
    assert empty.server.kubectl("get", "chaosengines", "-n", SHOP, "-o", "name").stdout == ""


def test_break_glass_lets_a_deploy_in_and_is_recorded_with_its_reason(empty: Gated) -> None:
    with empty.serving():
        empty.promise(EXHAUSTED)
        assert "gate 'deploy' says deny" in empty.create(deployment())
        warned = empty.create(deployment(slo_break_glass="fix of the checkout outage"))
        assert "Warning: gate 'deploy' was overridden by the annotation slo-break-glass" in warned
        assert empty.server.kubectl("get", "deployment", "frontend", "-n", SHOP).returncode == 0
    (newest, *_) = calls(empty)
    assert "fix of the checkout outage" in str(newest.document())
    assert newest.by.startswith("admin through ")


WHY = "the drill of the quarter"
RULES = f"{{faults: [FAULT], namespaces: [{SHOP}], labels: [app=frontend], service_accounts: [litmus-admin]}}"


def test_break_glass_lets_chaos_in_and_is_recorded_with_its_reason(empty: Gated) -> None:
    """On an engine that is made active, and on one that becomes so; an empty reason opens nothing."""
    with empty.serving():
        empty.promise(EXHAUSTED)
        assert REFUSED in empty.create(engine("active", slo_break_glass=""))
        warning = "Warning: gate 'chaos' was overridden by the annotation slo-break-glass"
        assert warning in empty.create(engine("active", slo_break_glass=WHY), "--dry-run=server")
        before = len(calls(empty))
        assert warning in empty.create(engine("active", slo_break_glass=WHY))
        empty.remove("chaosengine", "frontend-chaos")
        assert empty.create(engine("stop")) == ""
        assert REFUSED in empty.patch_engine("frontend-chaos", {"spec": {"engineState": "active"}})
        opened = {"metadata": {"annotations": {"slo-break-glass": WHY}}, "spec": {"engineState": "active"}}
        assert warning in empty.patch_engine("frontend-chaos", opened)
        found = empty.server.kubectl("get", "chaosengine", "frontend-chaos", "-n", SHOP, "-o", "json").stdout
        assert json.loads(found)["spec"]["engineState"] == "active"
    newest, refused, first, *_ = calls(empty)
    assert [entry.gate for entry in (newest, refused, first)] == ["chaos"] * 3
    assert [WHY in str(entry.document()) for entry in (newest, refused, first)] == [True, False, True]
    assert newest.by.startswith("admin through ")
    assert len(calls(empty)) == before + 3


def test_no_break_glass_opens_what_the_gate_does_not_allow_at_all(empty: Gated) -> None:
    """Rules on chaos are of who may do what where, not of a budget."""
    with empty.serving():
        empty.write_objectives(HEALTHY, chaos=RULES.replace("FAULT", "pod-cpu-hog"))
        broken = engine("active", slo_break_glass=WHY)
        refusal = "gate 'chaos' does not allow this chaos: the fault 'pod-delete' is not allowed"
        eventually(lambda: refusal in empty.create(broken, "--dry-run=server"))
        assert refusal in empty.create(broken)
        empty.write_objectives(HEALTHY, chaos=RULES.replace("FAULT", "pod-delete"))
        eventually(lambda: empty.create(broken, "--dry-run=server") == "")


def test_without_the_service_there_is_no_chaos_and_deploys_go_on(empty: Gated) -> None:
    """Fail and Ignore; what runs can still be stopped."""
    with empty.serving():
        assert empty.create(engine("active")) == ""
    assert empty.patch_engine("frontend-chaos", {"spec": {"engineState": "stop"}}) == ""
    refused = empty.patch_engine("frontend-chaos", {"spec": {"engineState": "active"}})
    assert 'failed calling webhook "chaos.slo.example.com"' in refused
    assert empty.create(deployment()) == ""
    elsewhere = engine("active") | {"metadata": {"name": "frontend-chaos", "namespace": "default"}}
    words = ("create", "--dry-run=server", "-f", "-")
    assert empty.server.kubectl(*words, stdin=str(elsewhere).replace("'", '"')).returncode == 0


def test_a_renewed_certificate_is_served_without_a_restart_and_trusted_by_the_same_bundle(empty: Gated) -> None:
    with empty.serving() as running:
        before, bundle = empty.served_certificate(), empty.bundle()
        assert empty.create(engine("active")) == ""
        empty.renew("second")
        eventually(lambda: empty.served_certificate() != before)
        empty.remove("chaosengine", "frontend-chaos")
        empty.apply_webhooks()
        assert empty.bundle() == bundle
        assert running.process.poll() is None
    with empty.serving():  # every connection of before is gone
        assert empty.create(engine("active")) == ""


def test_a_certificate_of_somebody_else_is_not_believed(empty: Gated, tmp_path: Path) -> None:
    stranger = Gated(empty.server, empty.folder, type(empty.authority)(tmp_path), empty.port)
    stranger.renew("stranger")
    try:
        with stranger.serving():
            refused = empty.create(engine("active"))
            assert "x509: certificate signed by unknown authority" in refused
            assert empty.create(deployment()) == ""
    finally:
        empty.renew("third")


def test_the_backstop_holds_chaos_back_by_what_was_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The webhook is gone; the policy of the API server's own is there, and its publisher's rights suffice."""
    (tmp_path / "gated").mkdir()
    with gated(tmp_path / "gated") as cluster:
        held_back(cluster, tmp_path, monkeypatch)


def held_back(cluster: Gated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = cluster.server
    server.kubectl("apply", "-k", str(KUBERNETES / "backstop"))
    server.kubectl("delete", "validatingwebhookconfiguration", "slo-gates")
    token = server.kubectl("create", "token", "slo-publisher", "-n", "slo-system").stdout
    (tmp_path / "token").write_text(token, encoding="utf-8")
    (tmp_path / "ca.crt").write_bytes((server.kubeconfig.parent / "certificates" / "apiserver.crt").read_bytes())
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", server.url.rpartition(":")[2])
    monkeypatch.setenv("SSL_CERT_FILE", str(cluster.authority.certificate))
    where = ["--server", f"https://127.0.0.1:{cluster.port}", "--account", str(tmp_path), "--once"]

    def published() -> int:
        return run(["publish", "chaos", "--config-map", "slo-system/slo-gate-decision", *where])

    def tried() -> str:
        return cluster.create(engine("active"), "--dry-run=server")

    eventually(lambda: "the gate chaos said: nothing yet" in tried())
    with cluster.serving():
        assert published() == 0
        eventually(lambda: tried() == "")
        cluster.promise(EXHAUSTED)
        assert published() == 0
        eventually(lambda: "of the budget is left, 25 % is required" in tried())
    assert published() == 0
    eventually(lambda: "cannot be reached" in tried())
    assert cluster.create(engine("active", slo_break_glass=WHY), "--dry-run=server") == ""
    assert "cannot be reached" in cluster.create(engine("active", slo_break_glass=""), "--dry-run=server")
    assert run(["publish", "chaos", "--config-map", "slo-system/another", *where]) == 3
