"""A shop under chaos on a real API server: an engine in a namespace of its own, a ledger, and guarded runs of it.

Each run is `slo chaos run` as a process of its own; Litmus' operator is played.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import yaml

from slo.chaos.cluster import Cluster, Document
from slo.chaos.lease import LeaseView, lease_name, view_of
from slo.ledger.checkpoint import Checkpoint
from slo.ledger.store import Ledger, Write
from slo.ledger.text import indicator_text
from slo.spec import load_objectives
from slo.window import Interval
from tests.ledger.ledgers import steady
from tests.support.kubernetes import ApiServer, api_server
from tests.support.litmus import DEFINITIONS

ROOT = Path(__file__).parents[2]
ENGINE = ROOT / "deploy" / "chaos" / "pod-delete.yaml"
SLO = "cloudshop/availability"
GUARD = "guard-token"
OBJECTIVES = """\
service: cloudshop
objectives:
  - {name: availability, target: 50%, window: 1d, sli: {ratio: {bad: bad, total: all}}}
gates:
  - name: chaos
    objectives: [cloudshop/availability]
    min_budget_remaining: 10%
    evidence: "off"
    chaos:
      faults: [pod-delete]
      namespaces: NAMESPACES
      labels: [app=frontend]
      service_accounts: [litmus-admin]
      cool_down: 0
      cool_down_after_halt: 1h
"""
_NUMBERS = count(1)
WITHIN_SECONDS = 300.0


@contextmanager
def litmus_server(folder: Path) -> Iterator[ApiServer]:
    """An API server that knows Litmus' kinds, and lets in the guard of deploy/chaos by a token."""
    account = "system:serviceaccount:cloudshop-prod:slo-chaos-guard"
    tokens = {GUARD: (account, ["system:serviceaccounts", "system:authenticated"])}
    with api_server(folder, tokens=tokens) as running:
        running.apply(DEFINITIONS)
        yield running


@dataclass
class Scene:
    """A namespace with an engine, and a ledger of the shop in which one of eleven events of each minute is bad.

    service: whose budget is asked about instead, by its address; environ: of the guards, beside what is set.
    """

    server: ApiServer
    namespace: str
    folder: Path
    kubeconfig: Path
    service: str = ""
    environ: Mapping[str, str] = field(default_factory=dict)
    counted_until: int = 0

    @property
    def cluster(self) -> Cluster:
        return Cluster(kubeconfig=self.server.kubeconfig)

    @property
    def engine(self) -> Document:
        found = self.cluster.engine(self.namespace, "frontend-chaos")
        assert found is not None
        return found

    @property
    def lease_name(self) -> str:
        return lease_name(SLO)

    def lease(self) -> LeaseView:
        return view_of(self.cluster.lease(self.namespace, self.lease_name))

    def write(self, begin: int, end: int, *, bad: int = 1, name: str = "availability") -> None:
        """name: of the objective."""
        [objective] = load_objectives(OBJECTIVES.partition("gates:")[0].replace("availability", name))
        with Ledger(str(self.folder / "slo.db"), create=True) as ledger:
            epoch = ledger.begin_epoch(objective.id, begin, indicator_text(objective))
            for start in range(begin, end, 720):
                stretch = steady(Interval(start, min(start + 720, end)), bad=bad)
                ledger.write([Write(epoch, {(): stretch}, checkpoint=Checkpoint.at_start(stretch.end))])
        self.counted_until = end

    def promise_as_well(self, name: str) -> None:
        """One more objective, which the gate names, too, with as long a history."""
        file = self.folder / "objectives.yaml"
        text, objective = file.read_text(), OBJECTIVES.splitlines()[2]
        text = text.replace(objective, f"{objective}\n{objective.replace('availability', name)}")
        file.write_text(text.replace("[cloudshop/availability]", "[cloudshop/*]"))
        self.write(self.counted_until - 1440, self.counted_until, name=name)

    def write_next_minute(self, *, bad: int) -> None:
        """The one after those that the ledger has, which may not be over yet."""
        self.write(self.counted_until, self.counted_until + 1, bad=bad)

    def start(self, *more: str, ttl: str = "4s") -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "slo", "chaos", "run", str(self.folder / "engine.yaml"), *self._data]
        command += ["--gate", "chaos", "--kubeconfig", str(self.kubeconfig), "--poll", "1s", "--ttl", ttl]
        command += ["--settle", "0s", "-o", "json", *more]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), **self.environ},
            text=True,
            stdout=-1,
            stderr=-1,
        )

    @property
    def _data(self) -> list[str]:
        if self.service:
            return ["--server", self.service]
        return [str(self.folder / "objectives.yaml"), "--ledger", str(self.folder / "slo.db")]

    def plan(self, *more: str) -> dict[str, Any]:
        """What `slo chaos plan` prints."""
        command = [sys.executable, "-m", "slo", "chaos", "plan", str(self.folder / "engine.yaml"), *self._data]
        command += ["--gate", "chaos", "--kubeconfig", str(self.kubeconfig), "--poll", "1s", "-o", "json", *more]
        environ = {**os.environ, "PYTHONPATH": str(ROOT), **self.environ}
        done = subprocess.run(command, cwd=self.folder, env=environ, text=True, capture_output=True, check=False)
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def run(self, *more: str) -> tuple[int, list[dict[str, Any]], str]:
        """The exit code, the documents that were printed, and what was said meanwhile."""
        return finished(self.start(*more))

    def until(self, what: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WITHIN_SECONDS
        while not what():
            assert time.monotonic() < deadline, "it did not come to that"
            time.sleep(0.1)

    @property
    def is_running(self) -> bool:
        return self._status == "initialized"

    @property
    def has_completed(self) -> bool:
        return self._status == "completed"

    @property
    def _status(self) -> str:
        return str(self.engine.get("status", {}).get("engineStatus", ""))

    def until_running(self) -> None:
        self.until(lambda: self.is_running)


def finished(process: subprocess.Popen[str]) -> tuple[int, list[dict[str, Any]], str]:
    out, said = process.communicate(timeout=WITHIN_SECONDS)
    return process.returncode, [json.loads(line) for line in out.splitlines()], said


def new_scene(server: ApiServer, folder: Path, namespace: str = "") -> Scene:
    """namespace: one that is not there yet."""
    namespace = namespace or f"shop-{next(_NUMBERS)}"
    server.kubectl("create", "namespace", namespace)
    engine = yaml.safe_load(ENGINE.read_text())
    engine["metadata"]["namespace"] = engine["spec"]["appinfo"]["appns"] = namespace
    (folder / "engine.yaml").write_text(yaml.safe_dump(engine))
    (folder / "objectives.yaml").write_text(OBJECTIVES.replace("NAMESPACES", f"[{namespace}]"))
    made = Scene(server, namespace, folder, server.kubeconfig)
    now = int(time.time()) // 60
    made.write(now - 1440, now)
    made.cluster.create_engine(engine)
    return made
