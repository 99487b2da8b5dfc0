"""The real `chaos run` under the control, before a real service that allows, denies, counts, turns, or is gone."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from slo.chaos_calls import chaos_told, experiment_told
from slo.record import Kind
from tests.chaos.live_shop import SPENT, WEEK, LiveShop, live_shop
from tests.record.waiting import wait_until

ROOT = Path(__file__).parents[2]
CHAOS = Path(sys.executable).with_name("chaos")
FOR_EVER = 600
"""Seconds of an activity that must not come to its end; a test gives up sooner."""
GIVE_UP_SECONDS = 120
TERMS = {"slos": [WEEK], "duration_seconds": 300, "settle_seconds": 0, "timeout_seconds": 10}
QUICK = {"poll_seconds": 0.2}


@dataclass
class Run:
    """An experiment that runs, or has run: `begun` and `rolled_back` are files that its activities leave."""

    folder: Path
    process: subprocess.Popen[str]

    @property
    def begun(self) -> bool:
        return (self.folder / "begun").exists()

    @property
    def rolled_back(self) -> bool:
        return (self.folder / "rolled-back").exists()

    def journal(self) -> dict[str, Any]:
        """Once it has ended."""
        try:
            out, _ = self.process.communicate(timeout=GIVE_UP_SECONDS)
        except subprocess.TimeoutExpired:
            pytest.fail("the experiment goes on")
        file = self.folder / "journal.json"
        assert file.exists(), out
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return found


def process_activity(path: Path, seconds: int) -> dict[str, Any]:
    code = f"import pathlib, time; pathlib.Path({str(path)!r}).touch(); time.sleep({seconds})"
    return {"type": "process", "path": sys.executable, "arguments": ["-c", code]}


def stubborn_activity(path: Path, seconds: int) -> dict[str, Any]:
    arguments = {"path": str(path), "seconds": seconds}
    return {"type": "python", "module": "tests.chaos.swallowing", "func": "stubborn", "arguments": arguments}


@contextmanager
def experiment(
    folder: Path,
    arguments: dict[str, Any],
    *,
    activity: Callable[[Path, int], dict[str, Any]] = process_activity,
    seconds: int = 0,
    rollbacks: str = "default",
    more: dict[str, Any] | None = None,
    environ: dict[str, str] | None = None,
) -> Iterator[Run]:
    """`chaos run` of an experiment of one action and a roll-back; ended with the block."""
    document = {
        "title": "Pods go away",
        "description": "-",
        "controls": [
            {
                "name": "error-budget",
                "provider": {"type": "python", "module": "slo.chaos.control", "arguments": TERMS | arguments},
            }
        ],
        "method": [{"type": "action", "name": "hurt", "provider": activity(folder / "begun", seconds)}],
        "rollbacks": [{"type": "action", "name": "mend", "provider": process_activity(folder / "rolled-back", 0)}],
        **(more or {}),
    }
    (folder / "experiment.json").write_text(json.dumps(document))
    settings = folder / "settings.yaml"
    settings.write_text(json.dumps({"runtime": {"rollbacks": {"strategy": rollbacks}}}))
    quiet = ["--no-version-check", "--log-file", str(folder / "chaos.log"), "--settings", str(settings)]
    command = [str(CHAOS), *quiet, "run", "--journal-path", str(folder / "journal.json"), "experiment.json"]
    with subprocess.Popen(
        command,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "HOME": str(folder), "NO_PROXY": "*"} | (environ or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield Run(folder, process)
        finally:
            process.kill()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[LiveShop]:
    folder = tmp_path / "service"
    folder.mkdir()
    with live_shop(folder) as running:
        yield running


def stopped(run: Run) -> str:
    """Why, of an experiment that was."""
    journal = run.journal()
    assert journal["status"] == "interrupted"
    (entry,) = journal["slo_gates"]
    assert isinstance(entry["stopped"], str)
    return entry["stopped"].removeprefix("stopped by the error budget: ")


def test_an_experiment_runs_while_the_budget_bears_it(shop: LiveShop, tmp_path: Path) -> None:
    with experiment(tmp_path, {"gate": "open", "url": shop.url}) as run:
        journal = run.journal()
    assert (journal["status"], run.begun, run.rolled_back) == ("completed", True, True)
    (entry,) = journal["slo_gates"]
    assert (entry["before"]["decision"], entry["before"]["allowed"], entry["stopped"]) == ("allow", True, None)
    report = entry["report"]
    assert (report["outcome"], report["verdict"], report["halt"]) == ("completed", "Pass", None)
    assert (report["engine"]["name"], report["cool_down_until"]) == ("Pods go away", None)
    (budget,) = report["budgets"]
    # Two events a second, for 300 s, the grace of 30 s, and four looks of 5 s each.
    assert (budget["slo"], budget["worst"], budget["estimated"], budget["spent"]) == (WEEK, 700, 700, 0)
    assert budget["remaining_before"] == budget["remaining_after"] == 17_280
    (recorded,) = shop.shop.record.query(kinds=[Kind.CALL])
    body = recorded.details["body"]
    assert json.loads(body) == experiment_told(report["run"], "Pods go away", report["by"])
    assert chaos_told(body) == "experiment Pods go away"
    assert recorded.allowed


def test_an_experiment_that_is_denied_does_nothing(shop: LiveShop, tmp_path: Path) -> None:
    with experiment(tmp_path, {"gate": "spent", "url": shop.url, "slos": SPENT}) as run:
        why = stopped(run)
    assert (run.begun, run.rolled_back, run.process.returncode) == (False, False, 1)
    assert why.startswith("the gate 'spent' says deny: ")
    assert shop.shop.record.query(kinds=[Kind.CALL])[0].allowed is False


def test_an_experiment_that_the_budget_cannot_afford_does_nothing(shop: LiveShop, tmp_path: Path) -> None:
    """The gate allows it: what it may cost is more than a quarter of what is left."""
    with experiment(tmp_path, {"gate": "open", "url": shop.url, "duration_seconds": 7200}) as run:
        why = stopped(run)
        (entry,) = run.journal()["slo_gates"]
    assert not run.begun
    assert why == f"{WEEK}: the run may cost 14500 bad events, and 25 % of the 17280 that are left are 4320"
    assert (entry["before"]["allowed"], entry["plan"]["may_start"], entry["report"]) == (True, False, None)


def test_only_a_share_of_requests_is_reckoned_with(shop: LiveShop, tmp_path: Path) -> None:
    arguments = {"gate": "open", "url": shop.url, "duration_seconds": 7200, "affected_ratio": 0.1, "grace_seconds": 0}
    with experiment(tmp_path, arguments) as run:
        (entry,) = run.journal()["slo_gates"]
    assert run.begun
    assert entry["plan"]["budgets"][0]["worst"] == 1444


RULED = {"fault": "pod-delete", "namespace": "cloudshop-prod", "labels": "app=frontend,tier=web"}
ACCOUNT = {"service_account": "litmus-admin"}


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (RULED | ACCOUNT, ""),
        (RULED, "has rules on chaos, so the control must say its service_account, too"),
        ({}, "the control must say its fault, namespace, labels, service_account, too"),
        (
            RULED | ACCOUNT | {"fault": ["pod-delete", "disk-fill"]},
            "the fault 'disk-fill' is not allowed; allowed: ",
        ),
        (
            RULED | ACCOUNT | {"namespace": "default"},
            "the namespace 'default' is not allowed; allowed: ",
        ),
        (RULED | ACCOUNT | {"labels": "app!=frontend"}, "the target's labels are not allowed; allowed: app=frontend"),
        (RULED | {"service_account": "admin"}, "the service account 'admin' is not allowed; allowed: litmus-admin"),
        (RULED | ACCOUNT | {"duration_seconds": 600}, "it lasts 10m, at most 5m are allowed"),
    ],
)
def test_the_rules_of_the_gate_hold(said: dict[str, Any], why: str, shop: LiveShop, tmp_path: Path) -> None:
    with experiment(tmp_path, {"gate": "ruled", "url": shop.url, **said}) as run:
        assert run.journal()["status"] == ("interrupted" if why else "completed")
        (entry,) = run.journal()["slo_gates"]
    assert run.begun == (not why)
    assert why in (entry["stopped"] or "")


@pytest.mark.parametrize("activity", [process_activity, stubborn_activity])
def test_an_experiment_stops_when_the_gate_turns(
    activity: Callable[[Path, int], dict[str, Any]], shop: LiveShop, tmp_path: Path
) -> None:
    arguments = {"gate": "open", "url": shop.url, **QUICK}
    with experiment(tmp_path, arguments, activity=activity, seconds=FOR_EVER) as run:
        wait_until(lambda: run.begun)
        assert run.process.poll() is None
        shop.freeze()
        why = stopped(run)
        (entry,) = run.journal()["slo_gates"]
    assert not run.rolled_back
    assert (entry["before"]["decision"], entry["last"]["decision"]) == ("allow", "deny")
    assert why.startswith("the gate closed: freeze until")
    report = entry["report"]
    assert (report["outcome"], report["verdict"], report["halt"]["reason"]) == ("halted", "Stopped", why)


def test_an_experiment_stops_when_it_costs_more_than_was_reserved(shop: LiveShop, tmp_path: Path) -> None:
    arguments = {"gate": "open", "url": shop.url, "fault": "pod-delete", **QUICK}
    with experiment(tmp_path, arguments, seconds=FOR_EVER) as run:
        wait_until(lambda: run.begun)
        shop.hurt(100)
        assert run.process.poll() is None
        told = f'slo_chaos_run_active{{team="shop",slo="{WEEK}",slo_service="cloudshop",fault="pod-delete"}} 1'
        assert told in httpx.get(f"{shop.url}/metrics", timeout=60).text.splitlines()
        shop.hurt(900)
        why = stopped(run)
        (entry,) = run.journal()["slo_gates"]
    assert why == f"{WEEK}: 1000 bad events since the start, and 668 were reserved"
    (budget,) = entry["report"]["budgets"]
    assert (budget["estimated"], budget["spent"]) == (668, 1000)
    # The 1000 events are events of the period, too: a tenth of them is budget.
    assert budget["remaining_before"] - budget["remaining_after"] == 900
    assert entry["last"]["allowed"]


def test_a_method_that_goes_on_for_longer_than_it_said_is_stopped(shop: LiveShop, tmp_path: Path) -> None:
    arguments = {"gate": "open", "url": shop.url, **QUICK, "duration_seconds": 1, "grace_seconds": 1}
    with experiment(tmp_path, arguments, seconds=FOR_EVER) as run:
        why = stopped(run)
    assert run.begun
    assert why == "the method goes on for longer than the 1 s that were told, and 1 s of grace"


def test_rollbacks_are_played_to_their_end_where_they_are_asked_for(shop: LiveShop, tmp_path: Path) -> None:
    arguments = {"gate": "open", "url": shop.url, **QUICK}
    with experiment(tmp_path, arguments, seconds=FOR_EVER, rollbacks="always") as run:
        wait_until(lambda: run.begun)
        shop.freeze()
        journal = run.journal()
    assert (journal["status"], run.rolled_back) == ("interrupted", True)
    assert [one["status"] for one in journal["rollbacks"]] == ["succeeded"]


def test_no_activity_comes_after_the_gate_has_turned(shop: LiveShop, tmp_path: Path) -> None:
    """The first activity fails as the signal ends it; the toolkit would go on to the next."""
    more = {
        "method": [
            {"type": "action", "name": "first", "provider": process_activity(tmp_path / "begun", FOR_EVER)},
            {"type": "action", "name": "second", "provider": process_activity(tmp_path / "second", 0)},
        ]
    }
    with experiment(tmp_path, {"gate": "open", "url": shop.url, **QUICK}, more=more) as run:
        wait_until(lambda: run.begun)
        shop.freeze()
        assert run.journal()["status"] == "interrupted"
    assert not (tmp_path / "second").exists()


def test_a_service_that_is_lost_stops_an_experiment(tmp_path: Path) -> None:
    folder = tmp_path / "service"
    folder.mkdir()
    with ExitStack() as service:
        url = service.enter_context(live_shop(folder)).url
        with experiment(tmp_path, {"gate": "open", "url": url, **QUICK, "attempts": 2}, seconds=FOR_EVER) as run:
            wait_until(lambda: run.begun)
            assert run.process.poll() is None
            service.close()
            why = stopped(run)
            (entry,) = run.journal()["slo_gates"]
    assert why.startswith("the budget could not be observed since ")
    assert "cannot be reached" in why
    assert entry["report"]["outcome"] == "halted"


def test_a_service_that_is_down_lets_nothing_begin(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with experiment(tmp_path, {"gate": "open", "url": url}) as run:
            journal = run.journal()
    assert (journal["status"], run.begun) == ("interrupted", False)
    assert "cannot be reached" in journal["slo_gates"][0]["stopped"]


@contextmanager
def answering(status: int, body: bytes, headers: dict[str, str]) -> Iterator[str]:
    """A server that is no such service, whatever it is asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            assert self.path == "/gates/open/chaos", "of what is no decision, no more is asked"
            rules = b'{"schema": "slo.chaos_rules/v1", "gate": "open", "rules": null}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(rules)))
            self.end_headers()
            self.wfile.write(rules)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


ALLOWED = b'{"schema": "slo.decision/v1", "gate": "open", "decision": "allow", "allowed": true}'
OTHER = ALLOWED.replace(b"open", b"other")
VAGUE = ALLOWED.replace(b"true", b'"true"')


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (200, b"<html>welcome", {}),
        (200, OTHER, {}),
        (200, VAGUE, {}),
        (200, ALLOWED[:-9], {}),
        (302, ALLOWED, {"Location": "/login"}),
        (403, ALLOWED, {}),
        (503, b'{"detail": "starting"}', {}),
    ],
)
def test_what_is_no_decision_lets_nothing_begin(
    status: int, body: bytes, headers: dict[str, str], tmp_path: Path
) -> None:
    with answering(status, body, headers) as url, experiment(tmp_path, {"gate": "open", "url": url}) as run:
        assert run.journal()["status"] == "interrupted"
    assert not run.begun


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"gates": "open"}, "there is no argument 'gates'; there are: gate, url, slos, duration_seconds, "),
        ({"url": ""}, "'' is no address of a service"),
        ({"gate": ""}, "gate: write the name of the gate"),
        ({"url": "http://u:p@127.0.0.1:9"}, "is more than an address; a token belongs into SLO_TOKEN"),
        ({"poll_seconds": "often"}, "poll_seconds: write a number over 0"),
        ({"poll_seconds": 600}, "poll_seconds: write a number over 0, at most 10"),
        ({"attempts": 0}, "attempts: write a number from 1"),
        ({"grace_seconds": True}, "grace_seconds: write a number from 0"),
        ({"slos": 7}, "slos: write a text, or a list of texts"),
        ({"slos": []}, "slos: write whose budget the experiment spends"),
        ({"slos": ["cloudshop/*"]}, "slos: 'cloudshop/*' is no id of an objective as a whole"),
        ({"duration_seconds": "5m"}, "duration_seconds: write a number over 0"),
        ({"duration_seconds": None}, "duration_seconds: write a number over 0"),
        ({"affected_ratio": 0}, "affected_ratio: write the share of requests"),
        ({"affected_ratio": "half"}, "affected_ratio: write the share of requests"),
        ({"fault": {"pod": "delete"}}, "fault: write a text, or a list of texts"),
        ({"namespace": 3}, "namespace: text is expected here"),
    ],
)
def test_a_control_that_is_wrong_lets_nothing_begin(arguments: dict[str, Any], told: str, tmp_path: Path) -> None:
    """Chaos Toolkit itself would swallow the mistake and run."""
    with experiment(tmp_path, {"gate": "open", "url": "http://127.0.0.1:9"} | arguments) as run:
        assert run.journal()["status"] == "interrupted"
    assert not run.begun
    assert told in (tmp_path / "chaos.log").read_text(encoding="utf-8")


@pytest.mark.parametrize("where", ["environment", "secrets"])
def test_a_token_is_sent_and_never_written(where: str, tmp_path: Path) -> None:
    folder = tmp_path / "service"
    folder.mkdir()
    with live_shop(folder, with_tokens=True, anonymous="none") as live:
        shop = live.shop
        token = shop.tokens["guard"]
        more = {"secrets": {"slo": {"token": {"type": "env", "key": "THE_TOKEN"}}}} if where == "secrets" else {}
        environ = {"SLO_TOKEN" if where == "environment" else "THE_TOKEN": token, "SLO_URL": shop.url}
        with experiment(tmp_path, {"gate": "open"}, more=more, environ=environ) as run:
            journal = run.journal()
        (entry,) = shop.record.query(kinds=[Kind.CALL])
    assert (journal["status"], run.begun, entry.by) == ("completed", True, "the-guard")
    for file in ("journal.json", "chaos.log"):
        assert token not in (tmp_path / file).read_text(encoding="utf-8")


def test_without_its_token_nothing_begins(tmp_path: Path) -> None:
    folder = tmp_path / "service"
    folder.mkdir()
    with (
        live_shop(folder, with_tokens=True, anonymous="none") as shop,
        experiment(tmp_path, {"gate": "open", "url": shop.url}) as run,
    ):
        journal = run.journal()
    assert not run.begun
    assert "answers 401" in journal["slo_gates"][0]["stopped"]
