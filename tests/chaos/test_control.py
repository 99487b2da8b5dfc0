"""The real `chaos run` under the control, before a real service that allows, denies, changes its mind, or is gone."""

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
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from slo.record import Kind
from tests.http.shop import AT, Shop, running_shop
from tests.record.waiting import wait_until

ROOT = Path(__file__).parents[2]
CHAOS = Path(sys.executable).with_name("chaos")
FOR_EVER = 600
"""Seconds of an activity that must not come to its end; a test gives up sooner."""
GIVE_UP_SECONDS = 120


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
                "provider": {"type": "python", "module": "slo.chaos.control", "arguments": arguments},
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
def shop(tmp_path: Path) -> Iterator[Shop]:
    folder = tmp_path / "service"
    folder.mkdir()
    with running_shop(folder) as running:
        yield running


def freeze(shop: Shop) -> None:
    """The gate `frozen` is open at first, and closed two minutes later."""
    shop.clock.at = AT + timedelta(minutes=2)
    shop.tick()


def test_an_experiment_runs_while_the_gate_allows_it(shop: Shop, tmp_path: Path) -> None:
    with experiment(tmp_path, {"gate": "open", "url": shop.url, "slos": ["cloudshop/week"]}) as run:
        journal = run.journal()
    assert (journal["status"], run.begun, run.rolled_back) == ("completed", True, True)
    (report,) = journal["slo_gates"]
    assert (report["before"]["decision"], report["before"]["allowed"], report["stopped"]) == ("allow", True, None)
    (entry,) = shop.record.query(kinds=[Kind.CALL])
    assert json.loads(entry.details["body"]) == {"caller": "chaostoolkit", "experiment": "Pods go away"}
    assert entry.allowed


def test_an_experiment_that_is_denied_does_nothing(shop: Shop, tmp_path: Path) -> None:
    with experiment(tmp_path, {"gate": "spent", "url": shop.url}) as run:
        journal = run.journal()
    assert (journal["status"], run.begun, run.rolled_back) == ("interrupted", False, False)
    assert run.process.returncode == 1
    (report,) = journal["slo_gates"]
    assert report["stopped"].startswith("stopped by the error budget: gate 'spent' says deny: ")
    assert shop.record.query(kinds=[Kind.CALL])[0].allowed is False


@pytest.mark.parametrize("activity", [process_activity, stubborn_activity])
def test_an_experiment_stops_when_the_gate_turns(
    activity: Callable[[Path, int], dict[str, Any]], shop: Shop, tmp_path: Path
) -> None:
    arguments = {"gate": "frozen", "url": shop.url, "poll_seconds": 0.2}
    with experiment(tmp_path, arguments, activity=activity, seconds=FOR_EVER) as run:
        wait_until(lambda: run.begun)
        assert run.process.poll() is None
        freeze(shop)
        journal = run.journal()
    assert (journal["status"], run.rolled_back) == ("interrupted", False)
    (report,) = journal["slo_gates"]
    assert (report["before"]["decision"], report["last"]["decision"]) == ("allow", "deny")
    assert "freeze until" in report["stopped"]
    assert "Sale" in report["stopped"]


def test_rollbacks_are_played_to_their_end_where_they_are_asked_for(shop: Shop, tmp_path: Path) -> None:
    arguments = {"gate": "frozen", "url": shop.url, "poll_seconds": 0.2}
    with experiment(tmp_path, arguments, seconds=FOR_EVER, rollbacks="always") as run:
        wait_until(lambda: run.begun)
        freeze(shop)
        journal = run.journal()
    assert (journal["status"], run.rolled_back) == ("interrupted", True)
    assert [one["status"] for one in journal["rollbacks"]] == ["succeeded"]


def test_no_activity_comes_after_the_gate_has_turned(shop: Shop, tmp_path: Path) -> None:
    """The first activity fails as the signal ends it; the toolkit would go on to the next."""
    more = {
        "method": [
            {"type": "action", "name": "first", "provider": process_activity(tmp_path / "begun", FOR_EVER)},
            {"type": "action", "name": "second", "provider": process_activity(tmp_path / "second", 0)},
        ]
    }
    with experiment(tmp_path, {"gate": "frozen", "url": shop.url, "poll_seconds": 0.2}, more=more) as run:
        wait_until(lambda: run.begun)
        freeze(shop)
        assert run.journal()["status"] == "interrupted"
    assert not (tmp_path / "second").exists()


def test_a_gate_that_is_lost_stops_an_experiment(tmp_path: Path) -> None:
    folder = tmp_path / "service"
    folder.mkdir()
    with ExitStack() as service:
        url = service.enter_context(running_shop(folder)).url
        arguments = {"gate": "open", "url": url, "poll_seconds": 0.2, "timeout_seconds": 5, "attempts": 2}
        with experiment(tmp_path, arguments, seconds=FOR_EVER) as run:
            wait_until(lambda: run.begun)
            assert run.process.poll() is None
            service.close()
            journal = run.journal()
    assert journal["status"] == "interrupted"
    assert journal["slo_gates"][0]["stopped"].endswith("cannot be reached: Connection refused")


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
            raise AssertionError("the first question is a POST")

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
        ({"gate": "open", "url": "http://x", "gates": "open"}, "there is no argument 'gates'"),
        ({"gate": "open"}, "'' is no address of a service"),
        ({"url": "http://127.0.0.1:9"}, "gate: write the name of the gate"),
        ({"gate": "open", "url": "http://u:p@127.0.0.1:9"}, "is more than an address; a token belongs into SLO_TOKEN"),
        ({"gate": "open", "url": "http://127.0.0.1:9", "poll_seconds": "often"}, "poll_seconds: write a number over 0"),
        ({"gate": "open", "url": "http://127.0.0.1:9", "slos": 7}, "the error budget's control failed: TypeError"),
    ],
)
def test_a_control_that_is_wrong_lets_nothing_begin(arguments: dict[str, Any], told: str, tmp_path: Path) -> None:
    """Chaos Toolkit itself would swallow the mistake and run."""
    with experiment(tmp_path, arguments) as run:
        assert run.journal()["status"] == "interrupted"
    assert not run.begun
    assert told in (tmp_path / "chaos.log").read_text(encoding="utf-8")


@pytest.mark.parametrize("where", ["environment", "secrets"])
def test_a_token_is_sent_and_never_written(where: str, tmp_path: Path) -> None:
    folder = tmp_path / "service"
    folder.mkdir()
    with running_shop(folder, with_tokens=True, anonymous="none") as shop:
        token = shop.tokens["decide"]
        more = {"secrets": {"slo": {"token": {"type": "env", "key": "THE_TOKEN"}}}} if where == "secrets" else {}
        environ = {"SLO_TOKEN" if where == "environment" else "THE_TOKEN": token, "SLO_URL": shop.url}
        with experiment(tmp_path, {"gate": "open"}, more=more, environ=environ) as run:
            journal = run.journal()
        (entry,) = shop.record.query(kinds=[Kind.CALL])
    assert (journal["status"], run.begun, entry.by) == ("completed", True, "the-decide")
    for file in ("journal.json", "chaos.log"):
        assert token not in (tmp_path / file).read_text(encoding="utf-8")


def test_without_its_token_nothing_begins(tmp_path: Path) -> None:
    folder = tmp_path / "service"
    folder.mkdir()
    with (
        running_shop(folder, with_tokens=True, anonymous="none") as shop,
        experiment(tmp_path, {"gate": "open", "url": shop.url}) as run,
    ):
        journal = run.journal()
    assert not run.begun
    assert "answers 401" in journal["slo_gates"][0]["stopped"]
