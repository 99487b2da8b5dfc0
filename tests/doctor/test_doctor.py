"""`slo doctor` over a real Prometheus and the running service: what holds, what does not, and what to do."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import MappingProxyType
from typing import Any, ClassVar
from urllib.parse import parse_qs

import numpy as np
import pytest

from slo.cli import run
from slo.doctor.service_checks import DASHBOARDS
from slo.samples import SeriesSamples
from tests.conftest import LoadPrometheus
from tests.http.shop import Shop, running_shop
from tests.support.prometheus import free_port

ROOT = Path(__file__).parents[2]
Checks = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with running_shop(tmp_path_factory.mktemp("shop"), anonymous="none", with_tokens=True) as running:
        yield running


@pytest.fixture(autouse=True)
def no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLO_TOKEN", "SLO_GRAFANA_TOKEN", "SLO_PROMETHEUS_URL", "SLO_SETTINGS"):
        monkeypatch.delenv(name, raising=False)


def now_series(name: str, *values: float) -> list[SeriesSamples]:
    """One series for each value, which it has had for the last ten minutes."""
    end = int(time.time() * 1000)
    times = np.arange(end - 600_000, end + 600_000, 15_000, dtype=np.int64)
    return [
        SeriesSamples(MappingProxyType({"__name__": name, "slo": f"shop/{number}"}), times, np.full(len(times), value))
        for number, value in enumerate(values)
    ]


def examined(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Checks]:
    code = run(["doctor", "-o", "json", *words])
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "slo.doctor/v1"
    return code, {one["check"]: one for one in document["checks"]}


def test_a_prometheus_that_has_everything(load_prometheus: LoadPrometheus, capsys: pytest.CaptureFixture[str]) -> None:
    series = [
        *now_series("falcosecurity_falco_version_info", 1),
        *now_series("slo:burn_rate:1h", 0.5, 2),
        *now_series("slo_budget_remaining_ratio", 0.75, 0.25),
    ]
    code, checks = examined(capsys, "--prometheus", load_prometheus(series))
    assert code == 0
    told = {name: one["found"] for name, one in checks.items() if one["state"] == "holds"}
    assert told == {
        "Falco is heard": "1 series falcosecurity_falco_version_info",
        "the rules of the objectives are loaded": "2 series slo:burn_rate:1h",
        "the error budget is computed": "2 budgets, of the lowest 25.0% is left",
    }
    assert not any(one["cure"] for one in checks.values() if one["state"] == "holds")


def test_a_prometheus_without_any_of_it(load_prometheus: LoadPrometheus, capsys: pytest.CaptureFixture[str]) -> None:
    code, checks = examined(capsys, "--prometheus", load_prometheus(now_series("up", 1)))
    assert code == 1
    failed = {name: one["cure"] for name, one in checks.items() if one["state"] == "fails"}
    assert set(failed) == {
        "Falco is heard",
        "the rules of the objectives are loaded",
        "the error budget is computed",
    }
    assert "slo rules FILE" in failed["the rules of the objectives are loaded"]


def test_a_service_with_an_objective_without_data(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SLO_TOKEN", shop.tokens["read"])
    code, checks = examined(capsys, "--server", shop.url, "--gate", "open", "--gate", "blind", "--gate", "spent")
    assert code == 1
    states = {name: one["state"] for name, one in checks.items() if one["state"] != "skipped"}
    assert states == {
        "the service is whole": "holds",
        "every objective has a budget": "fails",
        "the gate open answers": "holds",
        "the gate blind answers": "fails",
        "the gate spent answers": "holds",
        "the page can be reached": "holds",
    }
    assert "without: cloudshop/silent" in checks["every objective has a budget"]["found"]
    assert checks["the gate spent answers"]["found"].startswith("deny: -99.5 % of the budget is left")


def test_without_an_answer_nothing_is_said_to_hold(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody there, no token, a gate that there is not: each is a question without an answer, and the code says so."""
    nobody = f"http://127.0.0.1:{free_port()}"
    code, checks = examined(capsys, "--server", nobody, "--prometheus", nobody, "--dashboard", nobody)
    assert code == 3
    states = {one["state"] for name, one in checks.items()}
    assert states == {"unknown", "skipped"}

    code, checks = examined(capsys, "--server", shop.url, "--gate", "open")
    assert code == 3
    assert "it wants a token: set SLO_TOKEN" in checks["every objective has a budget"]["found"]

    monkeypatch.setenv("SLO_TOKEN", shop.tokens["read"])
    _, checks = examined(capsys, "--server", shop.url, "--gate", "nosuch")
    assert checks["the gate nosuch answers"]["state"] == "unknown"
    assert "there is no gate 'nosuch'" in checks["the gate nosuch answers"]["found"]


def test_a_dashboard_that_is_none(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    code, checks = examined(capsys, "--dashboard", shop.url)
    assert code == 3
    assert {checks[name]["state"] for name in DASHBOARDS} == {"unknown"}


class Grafana(BaseHTTPRequestHandler):
    """Stands in for a Grafana, which cannot be had here: what its HTTP API documents of these two routes."""

    dashboards: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path == "/api/health":
            self._answer(200, {"commit": "0c1d2e3f", "database": "ok", "version": "12.3.0"})
        elif self.headers["Authorization"] != "Bearer glsa_viewer":
            self._answer(401, {"message": "Unauthorized", "messageId": "auth.unauthorized", "statusCode": 401})
        elif path == "/api/search":
            wanted = parse_qs(query)["dashboardUIDs"]
            rows = [{"id": 1, "uid": uid, "title": uid, "type": "dash-db"} for uid in self.dashboards if uid in wanted]
            self._answer(200, rows)

    def _answer(self, status: int, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def grafana(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(Grafana, "dashboards", ["node-exporter"])
    with ThreadingHTTPServer(("127.0.0.1", 0), Grafana) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_grafana_with_the_dashboard_and_without(
    grafana: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    works, there = DASHBOARDS
    code, checks = examined(capsys, "--dashboard", grafana)
    assert (code, checks[works]["state"], checks[there]["state"]) == (3, "holds", "unknown")
    assert "it wants a token: set SLO_GRAFANA_TOKEN" in checks[there]["found"]

    monkeypatch.setenv("SLO_GRAFANA_TOKEN", "glsa_viewer")
    code, checks = examined(capsys, "--dashboard", grafana)
    assert (code, checks[there]["state"]) == (1, "fails")
    assert checks[there]["found"] == f"{grafana} has no dashboard slo-error-budget"

    generated = json.loads((ROOT / "dashboards" / "error-budget.json").read_text())
    monkeypatch.setattr(Grafana, "dashboards", [generated["uid"]])
    code, checks = examined(capsys, "--dashboard", grafana)
    assert (code, checks[there]["state"]) == (0, "holds")


def test_people_read_a_line_for_each(capsys: pytest.CaptureFixture[str]) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    assert run(["doctor", "--prometheus", nobody]) == 3
    text = capsys.readouterr().out
    assert "unknown Falco is heard\n        Prometheus at http" in text
    assert "skipped a privileged pod is denied (needs --kubeconfig FILE or --context NAME)" in text
    assert text.endswith("0 holds, 0 fails, 3 unknown, 16 skipped\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "nothing to look at: give --kubeconfig FILE"),
        (["--server", "shop"], "'shop' is no address of a service"),
        (["--prometheus", "shop"], "is no address"),
        (["--namespace", "No_Name", "--server", "http://127.0.0.1:9"], "--namespace: 'No_Name' is no name"),
        (["--kubeconfig", "/nosuch"], "no cluster to go to"),
        (["--image=--key=x"], "--image: '--key=x' is no image"),
        (["--image", "a:1", "--signer-key", "/nosuch"], "--signer-key: there is no file /nosuch"),
        (["--image", "a:1", "--signer-identity", "me"], "--signer-identity and --signer-issuer belong together"),
    ],
)
def test_a_wrong_call_is_one_line(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", *words]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""
