"""Chaos that guards tell of: shown on /metrics while it is told, and no longer."""

from __future__ import annotations

from datetime import datetime, timedelta

import httpx
import pytest

from slo.chaos.announcing import Announcing
from slo.chaos.service_budget import ServiceBudget
from slo.gate_server import GateServer
from slo.http.chaos_runs import MOST, TTL_SECONDS, ChaosRuns
from slo.http.problem import ProblemError
from slo.serving.snapshot import Snapshot
from tests.http.shop import AT, Shop, snapshot_bytes

WEEK = "cloudshop/week"
SERIES = 'slo_chaos_run_active{team="shop",slo="cloudshop/week",slo_service="cloudshop",fault="pod-delete"} 1'


def shown(runs: ChaosRuns) -> list[str]:
    lines = runs.lines(Snapshot.open(snapshot_bytes()))
    return [line for line in lines if not line.startswith("#")]


def test_a_run_is_shown_for_a_minute_after_it_was_last_told() -> None:
    seconds = [0.0]
    runs = ChaosRuns(now_seconds=lambda: seconds[0])
    runs.tell([WEEK], ["pod-delete"])
    seconds[0] = TTL_SECONDS - 1
    runs.tell([WEEK], ["pod-delete"])
    seconds[0] = 2 * TTL_SECONDS - 2
    assert shown(runs) == [SERIES]
    seconds[0] += 1
    assert shown(runs) == []


def test_more_than_can_be_kept_is_refused_and_forgotten_runs_make_room() -> None:
    seconds = [0.0]
    runs = ChaosRuns(now_seconds=lambda: seconds[0])
    for number in range(MOST):
        runs.tell([WEEK], [f"fault-{number}"])
    with pytest.raises(ProblemError, match="more than 1000"):
        runs.tell([WEEK], ["one-more"])
    runs.tell([WEEK], ["fault-0"])
    seconds[0] = TTL_SECONDS
    runs.tell([WEEK], ["one-more"])
    assert len(shown(runs)) == 1


def test_an_objective_that_is_no_longer_there_is_not_shown() -> None:
    runs = ChaosRuns(now_seconds=lambda: 0.0)
    runs.tell(["cloudshop/gone"], ["pod-delete"])
    assert shown(runs) == []


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/gates/none/chaos?slo=cloudshop/week", {"faults": ["x"]}, 404),
        ("/gates/open/chaos?slo=cloudshop/latency", {"faults": ["x"]}, 404),
        ("/gates/open/chaos?slo=cloudshop/*", {"faults": ["x"]}, 404),
        ("/gates/open/chaos", {"faults": ["x"]}, 400),
        ("/gates/open/chaos?slo=cloudshop/week", {}, 400),
        ("/gates/open/chaos?slo=cloudshop/week", {"faults": []}, 400),
        ("/gates/open/chaos?slo=cloudshop/week", {"faults": "x"}, 400),
        ("/gates/open/chaos?slo=cloudshop/week", {"faults": [{}]}, 400),
        ("/gates/open/chaos?slo=cloudshop/week", {"faults": ["x" * 101]}, 400),
        ("/gates/open/chaos?slo=cloudshop/week", {"faults": ["a\nb"]}, 400),
        ("/gates/open/chaos?slo=cloudshop/week", {"faults": ["x"] * 21}, 400),
    ],
)
def test_what_is_no_run_is_not_shown(path: str, body: object, status: int, client: httpx.Client) -> None:
    before = client.get("/metrics").text.count("slo_chaos_run_active{")
    assert client.post(path, json=body).status_code == status
    assert client.get("/metrics").text.count("slo_chaos_run_active{") == before


def test_a_guard_tells_and_tells_again_before_it_is_forgotten(shop: Shop, client: httpx.Client) -> None:
    said: list[str] = []
    at = [AT]
    told: list[datetime] = []

    class Counting(ServiceBudget):
        def tell(self, faults: object) -> None:
            told.append(at[0])
            super().tell(["pod-delete"])

    budget = Counting(server=GateServer(shop.url), gate="open", slos=(WEEK,), now=lambda: AT)
    announcing = Announcing(budget, ("pod-delete",), now=lambda: at[0], say=said.append)
    for second in range(0, 60, 5):
        at[0] = AT + timedelta(seconds=second)
        announcing.renew()
    assert [one.second for one in told] == [0, 15, 30, 45]
    assert SERIES in client.get("/metrics").text.splitlines()
    assert said == []


def test_a_guard_that_is_not_heard_says_so_once() -> None:
    said: list[str] = []
    at = [AT]
    budget = ServiceBudget(server=GateServer("http://127.0.0.1:9"), gate="open", slos=(WEEK,), now=lambda: AT)
    announcing = Announcing(budget, ("pod-delete",), now=lambda: at[0], say=said.append)
    for minute in range(3):
        at[0] = AT + timedelta(minutes=minute)
        announcing.renew()
    assert len(said) == 1
    assert said[0].startswith("dashboards will not show this run: http://127.0.0.1:9 cannot be reached")
