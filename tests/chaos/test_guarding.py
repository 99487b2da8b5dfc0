"""The loop around a run where something goes wrong that nobody foresaw. All else is tested on a real API server."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from slo.chaos.guarding import Guarding, Pace
from slo.chaos.machine import Limits, Outcome
from slo.chaos.reading import Patience, Reading, Reserved
from slo.chaos.run_record import RunRecord
from slo.clock import utc_now
from tests.chaos.test_machine import reading

Looks = Callable[[], None]


class Played:
    """A cluster whose engine obeys at once, its leases, and a budget that is well: until they fail as they are told."""

    def __init__(self, *, reads: Looks, looks: Looks) -> None:
        self.states = ["stop"]
        self._reads, self._looks = reads, looks

    def read(self, told: Any = None) -> Reading:
        if self.states[-1] == "active":
            self._reads()
        return reading(utc_now())

    def tell(self, faults: Any) -> None: ...

    def renew(self, record: Any, at: Any) -> None: ...

    def engine(self, namespace: str, name: str) -> dict[str, Any]:
        if self.states[-1] == "active":
            self._looks()
        status = {"stop": "stopped", "active": "initialized"}[self.states[-1]]
        annotations = {"slo-chaos-run": "r1"} if len(self.states) > 1 else {}
        return {
            "metadata": {"uid": "u", "annotations": annotations},
            "spec": {"engineState": self.states[-1]},
            "status": {"engineStatus": status},
        }

    def count_pods(self, namespace: str, uid: str) -> int:
        return int(self.states[-1] == "active")

    def patch_engine(self, namespace: str, name: str, patch: Any) -> None:
        self.states.append(patch["spec"]["engineState"])

    def result(self, namespace: str, name: str) -> None: ...


def nothing() -> None: ...


def oversight() -> None:
    raise RuntimeError("an oversight")


@pytest.mark.parametrize(
    ("failing", "told"),
    [
        ({"reads": oversight}, "the budget could not be read: unexpected RuntimeError: an oversight"),
        ({"looks": oversight}, "the cluster could not be"),
    ],
)
def test_what_nobody_foresaw_halts_the_run_and_does_not_end_its_guard(failing: dict[str, Looks], told: str) -> None:
    played: Any = Played(**{"reads": nothing, "looks": nothing, **failing})
    record = RunRecord(
        run="r1",
        gate="chaos",
        by="ada",
        namespace="shop",
        name="kill",
        uid="u",
        faults=("pod-delete",),
        began_at=utc_now(),
        decision_id="d",
        reserved=Reserved(before=reading(utc_now()).standings, events={"shop/a": 100}),
        worst={"shop/a": 100},
        results={},
    )
    said: list[str] = []
    guarding = Guarding(
        record,
        played,
        played,
        played,
        limits=Limits(patience=Patience(blind_seconds=0.2)),
        pace=Pace(poll_seconds=0.02, settle_seconds=0.0),
        now=utc_now,
        say=said.append,
        interrupted=threading.Event(),
    )
    ended = guarding.start("1")
    assert ended.run.outcome is Outcome.HALTED
    assert told in (ended.run.halt or "")
    if "looks" in failing:
        assert "the engine cannot be looked at: unexpected RuntimeError: an oversight" in said
    assert played.states == ["stop", "active", "stop"]
