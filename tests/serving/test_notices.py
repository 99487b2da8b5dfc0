"""Notices that budgets run out: once for each level, taken by real servers, remembered by the ledger."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.errors import UsageError
from slo.events import EventSeries
from slo.ledger.notified import remember, told
from slo.ledger.store import Ledger
from slo.report import State
from slo.reporting import Evaluation, evaluations
from slo.serving.notice_posts import ALERTMANAGER, WEBHOOK, destinations
from slo.serving.notices import LEVELS, Change, Notices, change_of
from slo.settings import load_settings
from slo.source.protocol import Source
from slo.spec import Spec
from tests.serving.conftest import AT
from tests.support.prometheus import free_port

WITHIN_SECONDS = 60.0
SLO = "cloudshop/week"


class Taker(ThreadingHTTPServer):
    """Takes what is posted, after refusing it so many times."""

    def __init__(self, refusals: int = 0) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.refusals = refusals
        self.taken: list[tuple[str, Any]] = []
        self.something = threading.Condition()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def wait_for(self, count: int) -> list[tuple[str, Any]]:
        with self.something:
            assert self.something.wait_for(lambda: len(self.taken) >= count, WITHIN_SECONDS), self.taken
            return list(self.taken)


class _Handler(BaseHTTPRequestHandler):
    server: Taker

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.something:
            is_refused = self.server.refusals > 0
            self.server.refusals -= is_refused
            if not is_refused:
                self.server.taken.append((self.path, body))
            self.server.something.notify_all()
        self.send_response(503 if is_refused else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that http.server gives it
        pass


@contextmanager
def taking(refusals: int = 0) -> Iterator[Taker]:
    server = Taker(refusals)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(str(tmp_path / "slo.db"), create=True) as opened:
        yield opened


@pytest.fixture(scope="module")
def week(spec: Spec, source: Source) -> Evaluation:
    """An objective whose budget is far from gone."""
    return next(
        one for one in evaluations(spec.objectives, source, at=AT, progress=lambda share: None) if one.report.slo == SLO
    )


def with_left(evaluation: Evaluation, ratio: float, state: State | None = None) -> Evaluation:
    budget = replace(evaluation.report.budget, remaining_ratio=ratio, consumed_ratio=1 - ratio)
    state = state or (State.EXHAUSTED if ratio <= 0 else State.OK)
    return evaluation._replace(report=replace(evaluation.report, budget=budget, state=state))


def wait_until_told(ledger: Ledger, expected: dict[tuple[str, str], int]) -> None:
    end = time.monotonic() + WITHIN_SECONDS
    while told(ledger) != expected:
        assert time.monotonic() < end, (told(ledger), expected)
        time.sleep(0.02)


def test_each_level_is_told_once_to_everybody_and_remembered(ledger: Ledger, week: Evaluation, tmp_path: Path) -> None:
    dsn = str(tmp_path / "slo.db")
    with taking() as hook, taking() as manager:
        places = destinations(f"{hook.url}/hook?key=secret", f"{manager.url}/")
        with Notices(places, dsn, say=pytest.fail) as notices:
            for ratio in (0.8, 0.45, 0.45, 0.4):
                notices.consider([with_left(week, ratio)], ledger)
            wait_until_told(ledger, {(SLO, WEBHOOK): 50, (SLO, ALERTMANAGER): 50})
            notices.consider([with_left(week, -0.2)], ledger)
            wait_until_told(ledger, {(SLO, WEBHOOK): 0, (SLO, ALERTMANAGER): 0})
        # Another process, which knows from the ledger what was told.
        with Notices(places, dsn, say=pytest.fail) as notices:
            notices.consider([with_left(week, -0.3), with_left(week, 0.01)], ledger)
            notices.consider([with_left(week, 0.3)], ledger)
            assert told(ledger) == {(SLO, WEBHOOK): 50, (SLO, ALERTMANAGER): 50}
            notices.consider([with_left(week, 0.9)], ledger)
            assert told(ledger) == {}
            notices.consider([with_left(week, 0.2)], ledger)
            assert [body["below_percent"] for _, body in hook.wait_for(3)] == [50, 0, 25]
            manager.wait_for(3)  # what is not given at the end is left to the next process
        path, body = hook.taken[1]
        assert path == "/hook?key=secret"
        assert (body["schema"], body["slo"], body["state"]) == ("slo.notice/v1", SLO, "exhausted")
        assert (body["remaining_ratio"], body["labels"]) == (-0.2, {"team": 'a "quoted" team'})
        path, (alert,) = manager.wait_for(3)[0]
        assert path == "/api/v2/alerts"
        assert alert["labels"]["alertname"] == "ErrorBudgetLow"
        assert alert["labels"]["below_percent"] == "50"
        assert alert["startsAt"] == f"{AT:%Y-%m-%dT%H:%M:%SZ}"
        assert alert["endsAt"] == f"{AT + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"


def test_a_notice_that_is_refused_is_given_later_and_the_failure_told_without_the_secret(
    ledger: Ledger, week: Evaluation, tmp_path: Path
) -> None:
    said: list[str] = []
    with taking(refusals=1) as hook:
        places = destinations(f"{hook.url}/very/secret", None)
        with Notices(places, str(tmp_path / "slo.db"), say=said.append) as notices:
            notices.consider([with_left(week, 0.1)], ledger)
            ((_, body),) = hook.wait_for(1)
            assert body["below_percent"] == 25
            wait_until_told(ledger, {(SLO, WEBHOOK): 25})
    assert said == [f"the webhook at {hook.url.removeprefix('http://')} answered 503; trying again"]


def test_one_channel_does_not_hold_up_the_other(ledger: Ledger, week: Evaluation, tmp_path: Path) -> None:
    said: list[str] = []
    with taking() as manager:
        places = destinations(f"http://127.0.0.1:{free_port()}/secret", manager.url)
        with Notices(places, str(tmp_path / "slo.db"), say=said.append) as notices:
            notices.consider([with_left(week, 0.3)], ledger)
            wait_until_told(ledger, {(SLO, ALERTMANAGER): 50})
    assert len(said) == 1
    assert "cannot be reached: no connection" in said[0]
    assert "secret" not in said[0]


def test_what_is_not_known_well_enough_is_not_told(ledger: Ledger, week: Evaluation, tmp_path: Path) -> None:
    with taking() as hook:
        places = destinations(hook.url, None)
        with Notices(places, str(tmp_path / "slo.db"), say=pytest.fail) as notices:
            nothing = replace(week.report, budget=replace(week.report.budget, remaining_ratio=None))
            group = replace(with_left(week, 0.1).report, group=(("service", "cart"),))
            young = with_left(week, 0.1, State.INSUFFICIENT_DATA)
            empty = EventSeries.empty()
            others = [Evaluation(week.objective, one, empty, empty) for one in (nothing, group)]
            notices.consider([young, *others, with_left(week, 0.4)], ledger)
            ((_, body),) = hook.wait_for(1)
            assert body["below_percent"] == 50


def test_without_a_channel_nothing_is_remembered(ledger: Ledger, week: Evaluation) -> None:
    with Notices((), "", say=pytest.fail) as notices:
        notices.consider([with_left(week, 0.1)], ledger)
    assert told(ledger) == {}


def test_what_is_remembered_last_holds(ledger: Ledger) -> None:
    for percent in (50, 25):
        remember(ledger, SLO, WEBHOOK, percent, at=AT)
    assert told(ledger) == {(SLO, WEBHOOK): 25}
    remember(ledger, SLO, WEBHOOK, None, at=AT)
    assert told(ledger) == {}


@given(st.lists(st.floats(-2, 1), max_size=40))
def test_a_level_is_told_again_only_after_the_budget_was_well_above_it(ratios: list[float]) -> None:
    known: int | None = None
    highest_since: dict[int, float] = {}
    for ratio in ratios:
        highest_since = {level: max(high, ratio) for level, high in highest_since.items()}
        change = change_of(ratio, is_exhausted=ratio <= 0, told_percent=known)
        if change is None:
            continue
        if change.tell is not None:
            assert ratio * 100 <= change.tell
            assert highest_since.get(change.tell, 2.0) * 100 >= change.tell + 5
            highest_since |= {level: ratio for level in LEVELS if level >= change.tell}
            known = change.tell
        else:
            known = change.rearm_to
    if ratios and ratios[-1] <= 0:
        assert known == 0


@pytest.mark.parametrize(
    ("ratio", "told_percent", "expected"),
    [
        (0.51, None, None),
        (0.49, None, Change(tell=50)),
        (0.49, 50, None),
        (0.54, 50, None),
        (0.55, 50, Change(rearm_to=None)),
        (0.1, None, Change(tell=25)),
        (0.04, 0, None),
        (0.06, 0, Change(rearm_to=25)),
        (0.0, 25, Change(tell=0)),
    ],
)
def test_levels(ratio: float, told_percent: int | None, expected: Change | None) -> None:
    assert change_of(ratio, is_exhausted=ratio <= 0, told_percent=told_percent) == expected


@pytest.mark.parametrize("key", ["notice_webhook", "alertmanager_url"])
def test_an_address_is_checked_and_not_repeated(key: str, tmp_path: Path) -> None:
    variable = f"SLO_{key.upper()}"
    settings = load_settings({variable: " https://hooks.example.com/a?b=c "})
    assert getattr(settings, key) == "https://hooks.example.com/a?b=c"
    for wrong in ("ftp://secret", "https://", "https://a b/secret"):
        with pytest.raises(UsageError, match=rf"^{variable}: is no address; write one such as") as raised:
            load_settings({variable: wrong})
        assert "secret" not in str(raised.value)
