"""`slo serve` as a process: starting, changing its files, ending, and what it will not start with."""

from __future__ import annotations

import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from slo.cli import run
from slo.demo.shop import DemoShop
from slo.record import Kind, Record
from tests.http.served import FILE, eventually, served
from tests.support.certificates import Authority
from tests.support.prometheus import free_port

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def shop() -> Iterator[DemoShop]:
    with DemoShop() as running:
        yield running


@pytest.fixture
def options(tmp_path: Path, shop: DemoShop) -> list[str]:
    file = tmp_path / "o.yaml"
    file.write_text(FILE, encoding="utf-8")
    return [str(file), *(f"--scrape=shop={url}" for url in shop.urls), "--scrape-interval", "1s"]


def children(pid: int) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(word) for word in found.stdout.split()]


def test_it_answers_reads_its_files_again_and_ends_when_told(tmp_path: Path, options: list[str]) -> None:
    with served(tmp_path, options) as running, httpx.Client(base_url=running.url, timeout=60) as client:
        assert running.url.startswith("http://127.0.0.1:")
        assert client.get("/").status_code == 200
        assert client.get("/budget/check?gate=deploy").status_code == 200
        assert client.get("/metrics").text.count("slo_collector_up 1") == 1

        file = Path(options[0])
        file.write_text(FILE.replace("99%", "101%"), encoding="utf-8")
        running.process.send_signal(signal.SIGHUP)
        eventually(lambda: not client.get("/readyz").json()["checks"]["files"]["ok"])
        assert "o.yaml:4" in client.get("/readyz").json()["checks"]["files"]["message"]
        assert client.get("/readyz").json()["status"] == "degraded"
        assert client.get("/gates/deploy").status_code == 200
        file.write_text(FILE.replace("name: deploy", "name: release"), encoding="utf-8")
        running.process.send_signal(signal.SIGHUP)
        eventually(lambda: client.get("/gates/release").status_code == 200)
        assert client.get("/gates/deploy").status_code == 404

        collectors = children(running.process.pid)
        assert collectors
        running.process.terminate()
        assert running.process.wait(60) == 0
        assert not any(Path(f"/proc/{pid}").exists() for pid in collectors)
    assert (tmp_path / "slo-record.db").exists()


def test_targets_that_are_all_gone_are_amiss_until_one_is_back(tmp_path: Path) -> None:
    file = tmp_path / "o.yaml"
    file.write_text(FILE, encoding="utf-8")
    port = free_port()
    targets = [f"--scrape=shop=http://127.0.0.1:{each}/metrics" for each in (port, free_port())]
    with served(tmp_path, [str(file), *targets, "--scrape-interval", "1s"]) as running, httpx.Client() as client:

        def checked() -> dict[str, Any]:
            found: dict[str, Any] = client.get(f"{running.url}/readyz").json()["checks"]["sources"]
            return found

        eventually(lambda: not checked()["ok"])
        assert "none of 2 targets can be scraped, such as http://127.0.0.1" in checked()["message"]
        assert 'slo_healthy{part="sources"} 0' in client.get(f"{running.url}/metrics").text
        with DemoShop(pods=1, port=port):
            eventually(lambda: bool(checked()["ok"]))


def test_nothing_that_was_answered_is_missing_after_a_kill(tmp_path: Path, options: list[str]) -> None:
    answered: list[str] = []

    def post(url: str, number: int) -> None:
        with httpx.Client(timeout=60) as client:
            while True:
                try:
                    answer = client.post(f"{url}/gates/deploy", json={"caller": number})
                except httpx.TransportError:
                    return
                if answer.status_code == 200:
                    answered.append(answer.json()["id"])

    with served(tmp_path, options, environ={"SLO_WRITES_PER_SECOND": "100000"}) as running:
        threads = [threading.Thread(target=post, args=(running.url, number)) for number in range(4)]
        for thread in threads:
            thread.start()
        eventually(lambda: len(answered) > 300)
        running.process.kill()
        running.process.wait(60)
        for thread in threads:
            thread.join(60)
    with Record(str(tmp_path / "slo-record.db"), create=False) as record:
        kept, before = [], None
        while page := record.query(kinds=(Kind.CALL,), limit=1000, before=before):
            kept += [entry.decision_id for entry in page]
            before = page[-1].id
        decided = {entry.decision_id for entry in record.query(kinds=(Kind.DECISION,), limit=1000)}
    assert len(kept) >= len(answered)
    assert set(answered) <= set(kept)
    assert decided


def test_with_tokens_and_tls_it_serves_others(
    tmp_path: Path, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    tokens = tmp_path / "tokens"
    assert run(["token", "new", "--role", "read", "--name", "ada", "--tokens", str(tokens)]) == 0
    secret = capsys.readouterr().out.strip()
    for name in ("servers", "clients"):
        (tmp_path / name).mkdir()
    servers, clients = Authority(tmp_path / "servers"), Authority(tmp_path / "clients")
    certificate, key = servers.issue("slo")
    more = ["--host", "0.0.0.0", "--tokens", str(tokens), "--tls-cert", str(certificate), "--tls-key", str(key)]
    more += ["--client-ca", str(clients.certificate)]
    plain_port = free_port()
    more += ["--plain-port", str(plain_port)]
    with served(tmp_path, [*options, *more], ca=servers.certificate) as running:
        plain = f"http://127.0.0.1:{plain_port}/budget"
        assert httpx.get(plain, timeout=60).status_code == 401
        assert httpx.get(plain, timeout=60, headers={"Authorization": f"Bearer {secret}"}).status_code == 200
        url = re.sub(r"0\.0\.0\.0", "127.0.0.1", running.url)
        context = ssl.create_default_context(cafile=str(servers.certificate))
        with httpx.Client(base_url=url, verify=context, timeout=60) as client:
            assert client.get("/budget").status_code == 401
            headers = {"Authorization": f"Bearer {secret}"}
            assert client.get("/budget", headers=headers).status_code == 200
            assert client.post("/gates/deploy", headers=headers, json={}).status_code == 401
        context.load_cert_chain(*clients.issue("apiserver"))
        with httpx.Client(base_url=url, verify=context, timeout=60) as client:
            assert client.post("/gates/deploy", json={}).status_code == 200
            assert client.get("/budget").status_code == 401
    assert secret not in running.log


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--host", "0.0.0.0"], "--host 0.0.0.0: others could reach it: give --tokens FILE"),
        (["--host", "::"], "--host ::: others could reach it"),
        (["--host", "0.0.0.0", "--anonymous", "decide"], "others could reach it"),
        (["--plain-port", "8081"], "--plain-port: it is plain already: give --tls-cert and --tls-key"),
        (["--plain-port", "http"], "--plain-port: 'http' is no port"),
        (["--port", "http"], "--port: 'http' is no port"),
        (["--port", "65536"], "--port: '65536' is no port"),
        (["--anonymous", "admin"], "--anonymous: 'admin' is none of none, read, decide"),
        (["--tls-cert", "x.pem"], "--tls-cert and --tls-key belong together"),
        (["--client-ca", "x.pem"], "--client-ca: there are client certificates with TLS alone"),
        (["--tls-cert", "x.pem", "--tls-key", "y.pem"], "TLS: x.pem, y.pem: No such file"),
        (["--tokens", "none"], "none: cannot be read: No such file"),
    ],
)
def test_what_it_will_not_start_with(
    more: list[str],
    message: str,
    options: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["serve", *options, "--ledger", "slo.db", "--port", "0", *more]) == 2
    assert message in capsys.readouterr().err


def test_a_port_that_is_taken_and_data_from_nowhere(
    options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert run(["serve", *options, "--ledger", "slo.db", "--port", port]) == 2
        assert f"--port {port}: cannot listen there: Address already in use" in capsys.readouterr().err
    assert run(["serve", options[0], "--ledger", "slo.db"]) == 2
    assert "nothing to collect from" in capsys.readouterr().err
    assert run(["serve", *options]) == 2
    assert "which ledger?" in capsys.readouterr().err


def test_make_run_serves_the_demo_shop_until_it_is_told_to_end(tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("SLO_")}
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [str(ROOT / "scripts" / "run.sh")],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environ | {"SLO_PORT": "0", "PYTHONPATH": str(ROOT)},
        )
    try:
        assert process.stdout
        url = process.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:"), (tmp_path / "log").read_text()
        eventually(lambda: httpx.get(f"{url}readyz", timeout=60).status_code == 200)
        assert "cloudshop/availability" in httpx.get(url, timeout=60).text
        assert {one["gate"] for one in httpx.get(f"{url}gates", timeout=60).json()["gates"]} == {"deploy", "chaos"}
        started = children(process.pid)
        assert len(started) >= 2
    finally:
        process.terminate()
        process.wait(60)
        assert process.stdout
        process.stdout.close()
    eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in started))


def test_the_help_of_both_commands_is_there() -> None:
    for command in ("serve", "token"):
        asked = subprocess.run([sys.executable, "-m", "slo", command, "--help"], capture_output=True, text=True)
        assert asked.returncode == 0
        assert "--tokens" in asked.stdout
