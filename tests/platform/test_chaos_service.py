"""A guarded run from end to end: shops that are scraped, a service with tokens that counts them, an API server, and
`slo chaos run`, each a process of its own. Litmus' operator is played.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from slo.http.tokens import add_token, new_token
from slo.record import Kind, Record
from tests.http.served import Served, eventually, served
from tests.platform.chaos_scene import Scene, finished, new_scene
from tests.support.kubernetes import ApiServer
from tests.support.litmus import PlayedOperator
from tests.support.prometheus import free_port

pytestmark = pytest.mark.platform

STEADY, FAILING = "cloudshop/steady", "cloudshop/failing"
FILE = """\
service: cloudshop
objectives:
  - {name: steady, target: 50%, window: 1h, min_coverage: 0%, min_observed: 0%, sli: {ratio: {
      bad: 'requests_total{shop="steady",status="500"}', total: 'requests_total{shop="steady"}'}}}
  - {name: failing, target: 50%, window: 1h, min_coverage: 0%, min_observed: 0%, sli: {ratio: {
      bad: 'requests_total{shop="failing",status="500"}', total: 'requests_total{shop="failing"}'}}}
gates:
  - name: chaos
    objectives: ["cloudshop/*"]
    min_budget_remaining: 20%
    max_burn_rate: {5m: 0.05}
    max_data_age: 5m
    evidence: "off"
    chaos:
      faults: [pod-delete]
      namespaces: NAMESPACES
      labels: [app=frontend]
      service_accounts: [litmus-admin]
      max_budget_share: 100%
      cool_down: 0
      cool_down_after_halt: 0
"""
NAMESPACES = [f"served-{number}" for number in range(8)]


@dataclass(eq=False)
class Shop(Collector):
    """Answers a hundred requests a second, all of them badly once it is broken; counted when it is asked."""

    name: str
    is_broken: bool = False
    _counts: dict[str, float] = field(default_factory=lambda: {"200": 0.0, "500": 0.0})
    _at: float = field(default_factory=time.monotonic)

    def collect(self) -> Iterable[CounterMetricFamily]:
        now = time.monotonic()
        self._counts["500" if self.is_broken else "200"] += round(100 * (now - self._at))
        self._at = now
        found = CounterMetricFamily("requests", "Requests answered.", labels=["shop", "status"])
        for status, count in self._counts.items():
            found.add_metric([self.name, status], count)
        yield found


@contextmanager
def metrics_of(shop: Shop) -> Iterator[str]:
    registry = CollectorRegistry()
    registry.register(shop)
    port = free_port()
    server, thread = start_http_server(port, "127.0.0.1", registry)
    try:
        yield f"http://127.0.0.1:{port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Center:
    """The service and the shops that it counts. tokens: by role; client: of one who may read."""

    folder: Path
    options: list[str]
    shops: dict[str, Shop]
    tokens: dict[str, str]
    port: int
    client: httpx.Client
    _opened: ExitStack = field(default_factory=ExitStack)
    running: Served | None = None

    def start(self) -> None:
        """Returns when it knows a whole minute of both shops."""
        self.running = self._opened.enter_context(served(self.folder, self.options))
        eventually(lambda: all(self.entry(slo)["total_events"] for slo in (STEADY, FAILING)))

    def kill(self) -> None:
        assert self.running is not None
        self.running.process.kill()
        self._opened.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def entry(self, slo: str) -> dict[str, Any]:
        """What its report says of one objective."""
        answer = self.client.get(f"{self.url}/budget", params={"slo": slo})
        [entry] = answer.raise_for_status().json()["objectives"]
        return dict(entry)

    def active_runs(self) -> list[str]:
        """What dashboards mark: the series of runs that guards tell of."""
        text = self.client.get(f"{self.url}/metrics").raise_for_status().text
        return [line for line in text.splitlines() if line.startswith("slo_chaos_run_active{")]

    def remaining(self, slo: str) -> int:
        """What is left of its budget, 0 for what is not known."""
        entry = self.entry(slo)
        total, bad = entry["total_events"] or 0, entry["bad_events"] or 0
        return int(total * (1 - entry["target_ratio"])) - int(bad)


@pytest.fixture(scope="module")
def center(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Center]:
    folder = tmp_path_factory.mktemp("service")
    (folder / "objectives.yaml").write_text(FILE.replace("NAMESPACES", json.dumps(NAMESPACES)))
    tokens = {}
    for role in ("read", "guard"):
        tokens[role], made = new_token(f"the-{role}", role)
        add_token(folder / "tokens", made)
    port = free_port()
    with ExitStack() as opened:
        shops = {name: Shop(name) for name in ("steady", "failing")}
        options = [str(folder / "objectives.yaml"), "--port", str(port), "--tokens", str(folder / "tokens")]
        for name, shop in shops.items():
            options += ["--scrape", f"{name}={opened.enter_context(metrics_of(shop))}"]
        headers = {"Authorization": f"Bearer {tokens['read']}"}
        client = opened.enter_context(httpx.Client(headers=headers, timeout=60))
        made_center = Center(folder, [*options, "--scrape-interval", "1s"], shops, tokens, port, client)
        opened.callback(made_center._opened.close)
        made_center.start()
        yield made_center


@pytest.fixture(scope="module")
def names() -> Iterator[str]:
    return iter(NAMESPACES)


@pytest.fixture
def scene(chaos_server: ApiServer, center: Center, names: Iterator[str], tmp_path: Path) -> Scene:
    made = new_scene(chaos_server, tmp_path, next(names))
    made.service = center.url
    made.environ = {"SLO_TOKEN": center.tokens["guard"]}
    return made


def call_of(center: Center, report: dict[str, Any]) -> Any:
    """What the record of the service keeps of the decision that a run began with."""
    with Record(str(center.folder / "slo-record.db")) as record:
        [entry] = [one for one in record.query(kinds=[Kind.CALL]) if one.decision_id == report["decision_id"]]
    return entry


def test_a_run_completes_and_tells_the_budget_before_and_after(
    scene: Scene, center: Center, operator: PlayedOperator
) -> None:
    before = center.remaining(STEADY)
    code, [report], said = scene.run("--slo", STEADY, "--settle", "10m")
    assert (code, report["outcome"], report["verdict"]) == (0, "completed", "Pass"), said
    [budget] = report["budgets"]
    assert (budget["slo"], budget["spent"], budget["counted"]) == (STEADY, 0, True)
    assert 0 < before <= budget["remaining_before"] < budget["remaining_after"] <= center.remaining(STEADY)
    entry = call_of(center, report)
    told = json.loads(entry.details["body"])
    assert (entry.by, entry.allowed, told["run"]) == ("the-guard", True, report["run"])


def test_a_shop_that_breaks_closes_the_gate_and_that_halts_it(
    scene: Scene, center: Center, operator: PlayedOperator
) -> None:
    operator.lasts_seconds = 600.0
    process = scene.start("--slo", FAILING)
    scene.until_running()
    eventually(lambda: any(FAILING in one and 'fault="pod-delete"' in one for one in center.active_runs()))
    center.shops["failing"].is_broken = True
    code, [report], said = finished(process)
    assert (code, report["outcome"]) == (1, "halted"), said
    assert report["halt"]["reason"].startswith("the gate closed: ")
    assert report["halt"]["confirmed"]
    assert report["halt"]["latency_seconds"] <= 60
    [budget] = report["budgets"]
    assert 0 < budget["spent"] <= center.entry(FAILING)["bad_events"]
    assert scene.cluster.count_pods(scene.namespace, scene.engine["metadata"]["uid"]) == 0
    code, [refused], said = scene.run("--slo", FAILING)
    assert (code, refused["may_start"], refused["decision"]) == (1, False, "deny"), said


def test_a_service_that_is_killed_halts_it(scene: Scene, center: Center, operator: PlayedOperator) -> None:
    operator.lasts_seconds = 600.0
    process = scene.start("--slo", STEADY)
    scene.until_running()
    center.kill()
    try:
        code, [report], said = finished(process)
        assert (code, report["outcome"]) == (1, "halted"), said
        assert "the budget could not be observed since" in report["halt"]["reason"]
        assert report["halt"]["confirmed"]
        assert report["halt"]["latency_seconds"] <= 60
        assert scene.engine["status"]["engineStatus"] == "stopped"
        code, documents, said = scene.run("--slo", STEADY)
        assert (code, documents) == (3, [])
        assert "cannot be reached" in said
    finally:
        center.start()


def test_a_service_that_hangs_halts_it(scene: Scene, center: Center, operator: PlayedOperator) -> None:
    """It takes connections, and answers none."""
    operator.lasts_seconds = 600.0
    assert center.running is not None
    process = scene.start("--slo", STEADY)
    scene.until_running()
    os.kill(center.running.process.pid, signal.SIGSTOP)
    try:
        code, [report], said = finished(process)
    finally:
        os.kill(center.running.process.pid, signal.SIGCONT)
    assert (code, report["outcome"]) == (1, "halted"), said
    assert "gave no whole answer" in report["halt"]["reason"]


@pytest.mark.parametrize("role", ["read", ""])
def test_a_token_that_may_not_decide_starts_nothing(
    role: str, scene: Scene, center: Center, operator: PlayedOperator
) -> None:
    """What a guard is allowed is recorded with who it is."""
    scene.environ = {"SLO_TOKEN": center.tokens[role]} if role else {}
    code, documents, said = scene.run("--slo", STEADY)
    assert (code, documents) == (3, []), said
    assert "answers 401" in said
    assert scene.lease().holder == ""
    assert (operator.runs, scene.engine["spec"]["engineState"]) == ([], "stop")


def test_the_rules_of_the_service_hold_for_a_guard_elsewhere(
    chaos_server: ApiServer, center: Center, tmp_path: Path
) -> None:
    elsewhere = new_scene(chaos_server, tmp_path)
    elsewhere.service, elsewhere.environ = center.url, {"SLO_TOKEN": center.tokens["guard"]}
    code, [refused], _ = elsewhere.run("--slo", STEADY)
    assert (code, refused["may_start"]) == (1, False)
    assert f"the namespace '{elsewhere.namespace}' is not allowed" in refused["refusals"][0]
