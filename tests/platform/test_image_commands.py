"""Commands that go to a cluster, from the built image: a read-only root, no privileges, a real API server."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from slo.ledger.checkpoint import Checkpoint
from slo.ledger.store import Ledger, Write
from slo.ledger.text import indicator_text
from slo.spec import load_objectives
from slo.window import Interval
from tests.ledger.ledgers import steady
from tests.platform.conftest import IMAGE
from tests.platform.containers import Store, running
from tests.platform.programs import ROOT
from tests.support.kubernetes import ApiServer, api_server
from tests.support.litmus import DEFINITIONS, played_operator

pytestmark = pytest.mark.platform

NOBODY = 65532
SHOP = "cloudshop-prod"
CHAOS = ROOT / "deploy" / "chaos"
GUARD = "guard-token"
OBJECTIVES = """\
service: cloudshop
objectives:
  - {name: availability, target: 50%, window: 1d, sli: {ratio: {bad: bad, total: all}}}
gates:
  - {name: chaos, objectives: [cloudshop/availability], min_budget_remaining: 10%, evidence: "off"}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """With the lab's engine, stopped, and a guard who has the permissions of deploy/chaos."""
    account = f"system:serviceaccount:{SHOP}:slo-chaos-guard"
    tokens = {GUARD: (account, ["system:serviceaccounts", "system:authenticated"])}
    with api_server(tmp_path_factory.mktemp("k8s") / "cluster", tokens=tokens) as made:
        made.kubectl("create", "namespace", SHOP)
        made.apply(DEFINITIONS, CHAOS / "rbac.yaml", CHAOS / "pod-delete.yaml")
        yield made


@pytest.fixture
def state(server: ApiServer, tmp_path: Path) -> Path:
    """What the container sees as /var/lib/slo: the guard's kubeconfig, the engine, objectives, a ledger of a day."""
    folder = tmp_path / "state"
    folder.mkdir()
    certificate = server.kubeconfig.with_name("certificates") / "apiserver.crt"
    shutil.copy(certificate, folder / "ca.crt")
    kubeconfig = server.kubeconfig_of(GUARD).read_text().replace(str(certificate), "/var/lib/slo/ca.crt")
    (folder / "kubeconfig").write_text(kubeconfig)
    shutil.copy(CHAOS / "pod-delete.yaml", folder)
    (folder / "objectives.yaml").write_text(OBJECTIVES)
    _fill(folder / "slo.db")
    for path in (folder, *folder.iterdir()):
        os.chown(path, NOBODY, NOBODY)
    return folder


def _fill(ledger_file: Path) -> None:
    """One of eleven events of each minute of a day is bad."""
    end = int(time.time()) // 60
    [objective] = load_objectives(OBJECTIVES.partition("gates:")[0])
    with Ledger(str(ledger_file), create=True) as ledger:
        epoch = ledger.begin_epoch(objective.id, end - 1440, indicator_text(objective))
        for start in range(end - 1440, end, 720):
            stretch = steady(Interval(start, start + 720))
            ledger.write([Write(epoch, {(): stretch}, checkpoint=Checkpoint.at_start(stretch.end))])


def ran(store: Store, tmp_path: Path, state: Path, *words: str) -> tuple[int, str]:
    """The exit code of a command in the image, and what it printed."""
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    mounts = {"/var/lib/slo": state}
    with running(store, IMAGE, bundle, "slo", *words, mounts=mounts, network="host") as one:
        code = one.process.wait(180)
        return code, one.log.read_text(encoding="utf-8")


GUARDED = ("pod-delete.yaml", "objectives.yaml", "--gate", "chaos", "--kubeconfig", "kubeconfig", "-o", "json")


def test_a_guarded_run_goes_from_its_start_to_its_report(
    store: Store, server: ApiServer, tmp_path: Path, state: Path
) -> None:
    run = ("chaos", "run", *GUARDED, "--poll", "1s", "--settle", "0s", "--report", "report.json")
    with played_operator(server.kubeconfig, SHOP):
        code, said = ran(store, tmp_path, state, *run)
    assert code == 0, said
    report = json.loads((state / "report.json").read_text())
    assert (report["outcome"], report["verdict"]) == ("completed", "Pass")


def test_the_doctor_looks_at_the_cluster(store: Store, server: ApiServer, tmp_path: Path, state: Path) -> None:
    """Nothing of the platform is in this one; who asks may see no policies, and is told so."""
    look = ("doctor", "--kubeconfig", "kubeconfig", "--namespace", SHOP, "-o", "json", "--timeout", "60")
    code, said = ran(store, tmp_path, state, *look)
    assert code in (1, 3), said
    checks = {one["check"]: one for one in json.loads(said)["checks"]}
    asked = checks["the API server asks the gates"]
    assert asked["state"] == "unknown"
    assert "slo-chaos-guard" in asked["found"]


def test_what_it_is_told_of_chaos_is_the_help_of_the_command(store: Store, tmp_path: Path, state: Path) -> None:
    code, said = ran(store, tmp_path, state, "chaos", "--help")
    assert code == 0
    assert "run" in said
