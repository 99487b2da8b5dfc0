"""The guard of an experiment where time or answers are played: what it cost, and answers that are rubbish."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

import pytest

from slo.chaos.affordability import Standing
from slo.chaos.experiment import ExperimentGuard
from slo.chaos.experiment_terms import read_arguments
from slo.chaos.reading import Reading
from slo.chaos.service_budget import ServiceBudget, chaos_rules
from slo.clock import parse_time, utc_now
from slo.errors import SourceError, SourceUnreachableError
from slo.gate_server import GateServer
from slo.window import minute_of
from tests.chaos.live_shop import WEEK

AT = parse_time("2026-11-01T00:00:00Z")


def reading(later_minutes: int, bad: int) -> Reading:
    one = Standing(
        slo=WEEK,
        bad_events=bad,
        bad_ever=bad,
        budget_events=Fraction(10_000),
        busiest_per_second=Fraction(1),
        data_until=minute_of(AT) + later_minutes,
        state="ok",
    )
    return Reading(at=AT, allowed=True, outcome="allow", message="", decision_id="1", standings={WEEK: one})


@dataclass
class Played:
    """A source of readings that are known beforehand."""

    readings: list[Reading]

    def read(self, told: Mapping[str, Any] | None = None) -> Reading:
        return self.readings.pop(0)

    def tell(self, faults: Sequence[str]) -> None:
        raise SourceUnreachableError("nobody there")


def guard_of(source: Played, now: Callable[[], datetime], left: threading.Event) -> ExperimentGuard:
    said = {"gate": "open", "slos": WEEK, "duration_seconds": 300, "poll_seconds": 0.01, "settle_seconds": 60}
    terms = read_arguments(said).terms
    return ExperimentGuard(terms, source, lambda: None, by="ada", now=now, leave=left.set, say=lambda _: None)


def test_the_cost_is_told_once_all_of_it_is_counted() -> None:
    """As time would have it: the newest minute ends before the experiment does, then after it."""
    clock = count(0, 10)

    def now() -> datetime:
        return AT + timedelta(seconds=next(clock))

    source = Played([reading(0, 0), reading(0, 0), reading(0, 0), reading(5, 7)])
    guard = guard_of(source, now, threading.Event())
    guard.begin("Pods go away")
    guard.begin_method()
    guard.end_method()
    guard.settle()
    (budget,) = guard.report("completed", deviated=True)["report"]["budgets"]
    assert (budget["spent"], budget["counted"]) == (7, True)
    assert guard.report("completed", deviated=True)["report"]["verdict"] == "Fail"


DECISION = {"schema": "slo.decision/v1", "gate": "open", "decision": "allow", "allowed": True, "reasons": []}
ENTRY = {
    "slo": WEEK,
    "bad_events": 1,
    "total_events": 100,
    "target_ratio": 0.9,
    "burn_rates": [{"window": "5m", "total_events": 10}],
    "data_until": "2026-11-01T00:00:00Z",
    "state": "ok",
}
METRICS = f'slo_bad_events_total{{slo="{WEEK}"}} 7\n'


@contextmanager
def answering(decision: Any, report: Any, metrics: str) -> Iterator[ServiceBudget]:
    """A service that answers so."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made = {"/gates": json.dumps(decision), "/budget": json.dumps(report), "/metrics": metrics}
            body = next(text for path, text in made.items() if self.path.startswith(path)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        address = GateServer(f"http://127.0.0.1:{server.server_address[1]}")
        yield ServiceBudget(server=address, gate="open", slos=(WEEK,), now=utc_now, timeout_seconds=60)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_reading_is_made_of_a_decision_a_report_and_the_counters() -> None:
    with answering(DECISION, {"objectives": [ENTRY]}, METRICS) as budget:
        standing = budget.read().standings[WEEK]
    assert (standing.bad_ever, standing.bad_events, standing.budget_events) == (7, 1, Fraction(10))


@pytest.mark.parametrize(
    ("decision", "report", "metrics"),
    [
        (DECISION | {"reasons": 7}, {"objectives": [ENTRY]}, METRICS),
        (DECISION, [], METRICS),
        (DECISION, {"objectives": 7}, METRICS),
        (DECISION, {"objectives": []}, METRICS),
        (DECISION, {"objectives": [ENTRY | {"bad_events": None}]}, METRICS),
        (DECISION, {"objectives": [ENTRY | {"bad_events": 1e999}]}, METRICS),
        (DECISION, {"objectives": [ENTRY | {"target_ratio": "1/0"}]}, METRICS),
        (DECISION, {"objectives": [ENTRY | {"burn_rates": [{"window": "soon", "total_events": 1}]}]}, METRICS),
        (DECISION, {"objectives": [ENTRY | {"data_until": "today"}]}, METRICS),
        (DECISION, {"objectives": [ENTRY | {"slo": {}}]}, METRICS),
        (DECISION, {"objectives": [ENTRY]}, METRICS.replace("7", "NaN")),
        (DECISION, {"objectives": [ENTRY]}, METRICS.replace("7", "+Inf")),
        (DECISION, {"objectives": [ENTRY]}, METRICS.replace("7", "")),
        (DECISION, {"objectives": [ENTRY]}, ""),
    ],
)
def test_rubbish_is_no_reading(decision: Any, report: Any, metrics: str) -> None:
    """Any other error would end the guard and leave the chaos; a counter that is not there is not taken for 0."""
    with answering(decision, report, metrics) as budget, pytest.raises(SourceError, match="has no report on"):
        budget.read()


@pytest.mark.parametrize("rules", [[], {"schema": "slo.chaos_rules/v1", "rules": {"faults": 7}}, {"rules": None}])
def test_rules_that_are_rubbish_are_none(rules: Any) -> None:
    with answering(rules, {}, "") as budget, pytest.raises(SourceError, match="rules on chaos"):
        chaos_rules(budget.server, "open", timeout_seconds=60)


def test_whatever_goes_wrong_with_a_reading_the_method_is_stopped() -> None:
    class Broken(Played):
        def read(self, told: Mapping[str, Any] | None = None) -> Reading:
            if not self.readings:
                raise KeyError("a mistake of ours")
            return super().read(told)

    clock, left = count(), threading.Event()

    def now() -> datetime:
        return AT + timedelta(seconds=next(clock))

    guard = guard_of(Broken([reading(0, 0), reading(0, 0)]), now, left)
    guard.begin("Pods go away")
    guard.begin_method()
    assert left.wait(60)
    assert "the service could not be asked: KeyError" in guard.stopped
    guard.end_method()
