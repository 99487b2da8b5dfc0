"""The larger size of deploy/kubernetes at work: its three replicas as processes on one real PostgreSQL.

Each is started with the arguments, the environment and the objectives that kustomize gives its container. Other than in
a cluster are addresses, ports, the paths of what is mounted, and a shorter cycle.
"""

from __future__ import annotations

import os
import re
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx
import numpy as np
import pytest
import yaml

from slo.http.tokens import add_token, new_token
from slo.samples import SeriesSamples
from tests.conftest import LoadPrometheus
from tests.http.served import eventually
from tests.platform.manifests import KUBERNETES
from tests.platform.programs import ROOT, run
from tests.support.certificates import Authority
from tests.support.postgres import PostgresServer
from tests.support.prometheus import free_port

pytestmark = pytest.mark.platform

ADDRESS = "127.0.0.1"
DAYS = 4
WRITES = """\
SELECT client_port FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND granted AND objid = 1397509937
"""
"""From where the lock is held that slo.ledger.lease asks for."""


@dataclass
class Replica:
    """A process of the Deployment. port: of TLS; plain: without."""

    process: subprocess.Popen[bytes]
    port: int
    plain: int
    client: httpx.Client

    def get(self, path: str) -> httpx.Response:
        return self.client.get(f"https://{ADDRESS}:{self.port}{path}")

    def processes(self) -> list[int]:
        """Itself and its collector."""
        found = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True, check=False
        )
        return [self.process.pid, *map(int, found.stdout.split())]

    def has_connection_from(self, port: int) -> bool:
        """Whether one of its processes owns the connection that leaves by this port."""
        rows = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="utf-8").splitlines()[1:]]
        sockets = {f"socket:[{row[9]}]" for row in rows if int(row[1].partition(":")[2], 16) == port}
        return any(_link(file) in sockets for pid in self.processes() for file in _files_of(pid))


def _files_of(pid: int) -> list[Path]:
    try:
        return list(Path(f"/proc/{pid}/fd").iterdir())
    except FileNotFoundError:  # it has ended
        return []


def _link(file: Path) -> str:
    try:
        return str(file.readlink())
    except FileNotFoundError:  # closed meanwhile
        return ""


def the_shop() -> list[SeriesSamples]:
    """A request in ten thousand fails and one in a hundred is slow, from days ago until hours from now."""
    now = int(time.time()) // 60 * 60_000
    times = np.arange(now - DAYS * 86_400_000, now + 7_200_000, 60_000, dtype=np.int64)
    passed = np.arange(len(times), dtype=float)
    shop = {"namespace": "cloudshop-prod"}
    latency = "http_request_duration_seconds"

    def one(name: str, values: np.ndarray[Any, Any], **labels: str) -> SeriesSamples:
        return SeriesSamples(MappingProxyType({"__name__": name, **labels}), times, values)

    return [
        one("http_requests_total", 9_999 * passed, status="200", **shop),
        one("http_requests_total", passed, status="500", **shop),
        one(f"{latency}_bucket", 9_900 * passed, le="0.3", **shop),
        one(f"{latency}_bucket", 10_000 * passed, le="+Inf", **shop),
        one(f"{latency}_count", 10_000 * passed, **shop),
        one("probe_success", np.ones(len(times)), job="shop"),
    ]


@dataclass(frozen=True)
class Deployed:
    """What kustomize makes of the size, and what stands in for the cluster around it."""

    documents: Sequence[dict[str, Any]]
    folder: Path
    values: dict[str, str]
    """What environment variables get from elsewhere: the pod's address, the keys of Secrets."""

    @property
    def deployment(self) -> dict[str, Any]:
        found: dict[str, Any] = self._the("Deployment", "slo")["spec"]
        return found

    def _the(self, kind: str, name: str) -> dict[str, Any]:
        (found,) = (one for one in self.documents if (one["kind"], one["metadata"]["name"]) == (kind, name))
        return found

    def mount(self, authority: Authority) -> str:
        """Writes what the container sees mounted; the token by which the record may be read."""
        for volume in self.deployment["template"]["spec"]["volumes"]:
            (self.folder / volume["name"]).mkdir()
        for name, text in self._the("ConfigMap", "slo-objectives")["data"].items():
            (self.folder / "objectives" / name).write_text(text, encoding="utf-8")
        for made, name in zip(authority.issue("slo"), ("tls.crt", "tls.key"), strict=True):
            (self.folder / "serving" / name).write_bytes(made.read_bytes())
        token, line = new_token("ada", "read")
        add_token(self.folder / "tokens" / "tokens", line)
        return token

    def _outside(self, text: str) -> str:
        """Paths of mounts as they are here, longest first: one may lie beside another that begins as it does."""
        (container,) = self.deployment["template"]["spec"]["containers"]
        mounts = {mount["mountPath"]: str(self.folder / mount["name"]) for mount in container["volumeMounts"]}
        paths = "|".join(map(re.escape, sorted(mounts, key=len, reverse=True)))
        return re.sub(f"(?:{paths})(?=/|$)", lambda found: mounts[found[0]], text)

    def environment(self) -> dict[str, str]:
        (container,) = self.deployment["template"]["spec"]["containers"]
        found: dict[str, str] = {}
        for variable in container["env"]:
            value = variable["value"] if "value" in variable else self.values[_source(variable["valueFrom"])]
            value = re.sub(r"\$\((\w+)\)", lambda name: found[name[1]], value)
            found[variable["name"]] = self._outside(value)
        return found

    def arguments(self, port: int, plain: int) -> list[str]:
        (container,) = self.deployment["template"]["spec"]["containers"]
        here = {"--host": ADDRESS, "--port": str(port), "--plain-port": str(plain)}
        words = [word.partition("=") for word in container["args"]]
        assert here.keys() <= {name for name, _, _ in words}
        return [self._outside(f"{name}{sign}{here.get(name, value)}") for name, sign, value in words]


def _source(source: dict[str, dict[str, str]]) -> str:
    ((_, where),) = source.items()
    return where.get("fieldPath") or f"{where['name']}/{where['key']}"


@pytest.fixture
def replicas(
    postgres_server: PostgresServer, load_prometheus: LoadPrometheus, tmp_path: Path
) -> Iterator[list[Replica]]:
    """As many as the size has, each ready."""
    documents = [
        one for one in yaml.safe_load_all(run("kubectl", "kustomize", KUBERNETES / "postgresql").stdout) if one
    ]
    with ExitStack() as stack:
        dsn = stack.enter_context(postgres_server.fresh_database())
        values = {"status.podIP": ADDRESS, "slo-databases/ledger": dsn, "slo-databases/record": dsn}
        (tmp_path / "authority").mkdir()
        authority = Authority(tmp_path / "authority")
        deployed = Deployed(documents, tmp_path, values)
        token = deployed.mount(authority)
        environ = {name: value for name, value in os.environ.items() if not name.startswith("SLO_")}
        environ |= deployed.environment() | {"SLO_PROMETHEUS_URL": load_prometheus(the_shop()), "SLO_CYCLE": "4s"}
        trusted = ssl.create_default_context(cafile=str(authority.certificate))
        made = []
        for number in range(deployed.deployment["replicas"]):
            port, plain = free_port(), free_port()
            command = [sys.executable, "-m", "slo", *deployed.arguments(port, plain)]
            log = stack.enter_context((tmp_path / f"log-{number}").open("wb"))
            process = subprocess.Popen(
                command, cwd=tmp_path, stdout=log, stderr=log, env=environ | {"PYTHONPATH": str(ROOT)}
            )
            stack.callback(process.wait, 60)
            stack.callback(process.terminate)
            headers = {"Authorization": f"Bearer {token}"}
            client = stack.enter_context(httpx.Client(verify=trusted, headers=headers, timeout=60))
            made.append(Replica(process, port, plain, client))
        for one in made:
            eventually(lambda one=one: is_ready(one))  # type: ignore[misc]
        yield made


def is_ready(one: Replica) -> bool:
    assert one.process.poll() is None
    try:
        return one.get("/readyz").status_code == 200
    except httpx.TransportError:  # nobody listens yet
        return False


def decided(one: Replica) -> tuple[Any, ...]:
    """What both gates say, and of how many events."""
    gates = [one.get(f"/gates/{gate}").json() for gate in ("deploy", "chaos")]
    return tuple((gate["decision"], gate["allowed"], [reason["slo"] for reason in gate["reasons"]]) for gate in gates)


def data_until(one: Replica) -> str:
    (report,) = one.get("/budget?slo=cloudshop/availability").json()["objectives"]
    return str(report["data_until"])


def writer(replicas: Sequence[Replica], server: PostgresServer) -> Replica | None:
    """Whose collector holds the right to write; the test fails where two have it."""
    ports = {row[0] for row in server.execute(WRITES)}
    assert len(ports) <= 1
    found = [one for one in replicas if any(one.has_connection_from(port) for port in ports)]
    return found[0] if found else None


def test_one_collects_and_all_answer_also_when_that_one_is_killed(
    replicas: list[Replica], postgres_server: PostgresServer
) -> None:
    assert len(replicas) == 3
    eventually(lambda: writer(replicas, postgres_server) is not None)
    allowed: tuple[str, bool, list[str]] = ("allow", True, [])
    eventually(lambda: all(decided(one) == (allowed, allowed) for one in replicas))

    caller = {"deployment": "frontend", "image": "frontend:v7"}
    assert httpx.post(f"http://{ADDRESS}:{replicas[1].plain}/gates/deploy", json=caller, timeout=60).status_code == 200
    for one in replicas:
        (entry,) = one.get("/decisions?kind=call").json()["decisions"]
        assert entry["gate"] == "deploy"

    collecting = writer(replicas, postgres_server)
    assert collecting is not None
    collecting.process.send_signal(signal.SIGKILL)
    collecting.process.wait(60)
    rest = [one for one in replicas if one is not collecting]
    assert [decided(one) for one in rest] == [(allowed, allowed)] * 2
    before = max(data_until(one) for one in rest)
    eventually(lambda: writer(rest, postgres_server) is not None)
    for one in rest:  # what the other one counts is seen by all
        eventually(lambda one=one: data_until(one) > before)  # type: ignore[misc]
    assert [decided(one) for one in rest] == [(allowed, allowed)] * 2
