"""deploy/kubernetes on a real API server, whose webhooks reach a real `slo serve` over TLS.

No node runs its pods: the service is a process of the test, and the Service leads to it by a name outside.
"""

from __future__ import annotations

import base64
import json
import re
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from slo.http.tokens import add_token, new_token
from slo.ledger.checkpoint import Checkpoint
from slo.ledger.store import Ledger, Write
from slo.ledger.text import indicator_text
from slo.spec import load_objectives
from slo.window import Interval
from tests.http.served import Served, eventually, served
from tests.ledger.ledgers import steady
from tests.platform.manifests import KUBERNETES
from tests.support.certificates import Authority
from tests.support.kubernetes import ApiServer, api_server
from tests.support.prometheus import free_port

SHOP = "cloudshop-prod"
SUPPORT = Path(__file__).parents[1] / "support"
OBJECTIVE = """\
service: cloudshop
objectives:
  - {name: availability, target: TARGET, window: 1d, sli: {ratio: {bad: bad, total: all}}}
"""
GATES = """\
gates:
  - {name: deploy, objectives: ["cloudshop/*"], min_budget_remaining: 0%, max_data_age: 1h, evidence: "off"}
  - {name: chaos, objectives: ["cloudshop/*"], min_budget_remaining: 25%, max_data_age: 1h, evidence: "off"}
"""
HEALTHY, EXHAUSTED = "50%", "99%"
"""Targets by which a day with one bad event in eleven is easily good, and is not."""


@dataclass
class Gated:
    """server: with the manifests applied and the namespace SHOP guarded; folder: the service's own files."""

    server: ApiServer
    folder: Path
    authority: Authority
    port: int

    def serving(self) -> AbstractContextManager[Served]:
        """`slo serve` where the webhooks ask, until the block ends."""
        options = [str(self.folder / "objectives.yaml"), "--port", str(self.port), "--anonymous", "decide"]
        options += ["--tls-cert", str(self.folder / "tls.crt"), "--tls-key", str(self.folder / "tls.key")]
        options += ["--tokens", str(self.folder / "tokens"), "--allowed-host", "slo.slo-system.svc"]
        options += ["--prometheus", f"http://127.0.0.1:{free_port()}", "--timeout", "2"]
        return served(self.folder, options, environ={"SLO_RETENTION": "10d"}, ca=self.authority.certificate)

    def get(self, path: str) -> httpx.Response:
        context = ssl.create_default_context(cafile=str(self.authority.certificate))
        return httpx.get(f"https://127.0.0.1:{self.port}{path}", verify=context, timeout=60)

    def promise(self, target: str) -> None:
        """Another target; returns when the running service decides by it."""
        self.write_objectives(target)
        is_allowed = target == HEALTHY
        eventually(lambda: self.get("/gates/chaos").json()["allowed"] is is_allowed)

    def write_objectives(self, target: str, chaos: str = "") -> None:
        """chaos: rules of the gate of this name, as its block of YAML."""
        gates = GATES.replace("name: chaos,", f"name: chaos, chaos: {chaos},") if chaos else GATES
        (self.folder / "objectives.yaml").write_text(OBJECTIVE.replace("TARGET", target) + gates, encoding="utf-8")

    def renew(self, name: str) -> None:
        """Another certificate of the same authority, in the place of the one before."""
        for made, kept in zip(self.authority.issue(name), ("tls.crt", "tls.key"), strict=True):
            (self.folder / kept).write_bytes(made.read_bytes())

    def served_certificate(self) -> str:
        return ssl.get_server_certificate(("127.0.0.1", self.port))

    def bundle(self) -> str:
        """In whom the API server trusts."""
        found = self.server.kubectl("get", "validatingwebhookconfiguration", "slo-gates", "-o", "json").stdout
        (bundle,) = {hook["clientConfig"]["caBundle"] for hook in json.loads(found)["webhooks"]}
        return str(bundle)

    def apply_webhooks(self) -> None:
        """The manifest of the webhooks, which says nothing of whom to trust, once more."""
        documents = yaml.safe_load_all(rendered(self.server, "sqlite"))
        (hooks,) = (one for one in documents if one["kind"] == "ValidatingWebhookConfiguration")
        for hook in hooks["webhooks"]:
            hook["clientConfig"]["service"]["port"] = self.port
        self.server.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(hooks))

    def create(self, document: Mapping[str, Any], *words: str) -> str:
        """What admission has against an object, "" where it is let in; a warning is told as well."""
        text = yaml.safe_dump(dict(document))
        done = self.server.kubectl("create", "-n", SHOP, *words, "-f", "-", stdin=text, check=False)
        return done.stderr

    def patch_engine(self, name: str, patch: Mapping[str, Any]) -> str:
        words = ("patch", "chaosengine", name, "-n", SHOP, "--type=merge", "-p", json.dumps(patch))
        return self.server.kubectl(*words, check=False).stderr

    def remove(self, kind: str, name: str) -> None:
        self.server.kubectl("delete", kind, name, "-n", SHOP, "--ignore-not-found")


@contextmanager
def gated(folder: Path) -> Iterator[Gated]:
    """Both gates open; the service does not run yet."""
    with api_server(folder / "cluster") as server:
        for file in ("litmus.yaml", "operators.yaml"):
            server.apply(SUPPORT / file)
        certificates, own = folder / "authority", folder / "service"
        certificates.mkdir()
        own.mkdir()
        made = Gated(server, own, Authority(certificates), free_port())
        made.renew("first")
        made.write_objectives(HEALTHY)
        add_token(own / "tokens", new_token("ada", "read")[1])
        _fill(own / "slo.db")
        _install(made)
        yield made


def rendered(server: ApiServer, size: str) -> str:
    """The manifests of a size as kustomize makes them."""
    return server.kubectl("kustomize", str(KUBERNETES / size)).stdout


def _install(made: Gated) -> None:
    """As docs/operating.md says, but for where the Service leads."""
    server = made.server
    server.kubectl("apply", "-f", "-", stdin=rendered(server, "sqlite"))
    made.apply_webhooks()
    server.kubectl("delete", "service", "slo", "-n", "slo-system")
    elsewhere = {"type": "ExternalName", "externalName": "localhost"}
    metadata = {"name": "slo", "namespace": "slo-system"}
    server.apply({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": elsewhere})
    bundle = base64.b64encode(made.authority.certificate.read_bytes()).decode()
    patch = [{"op": "add", "path": f"/webhooks/{number}/clientConfig/caBundle", "value": bundle} for number in (0, 1)]
    words = ("patch", "validatingwebhookconfiguration", "slo-gates", "--type=json", "-p", json.dumps(patch))
    server.kubectl(*words)
    server.kubectl("create", "namespace", SHOP)
    server.kubectl("label", "namespace", SHOP, "slo.example.com/gate=enforce")


def _fill(ledger_file: Path) -> None:
    end = int(time.time()) // 60
    (objective,) = load_objectives(OBJECTIVE.replace("TARGET", HEALTHY))
    with Ledger(str(ledger_file), create=True) as ledger:
        epoch = ledger.begin_epoch(objective.id, end - 1440, indicator_text(objective))
        for start in range(end - 1440, end, 720):
            stretch = steady(Interval(start, start + 720))
            ledger.write([Write(epoch, {(): stretch}, checkpoint=Checkpoint.at_start(stretch.end))])


def deployment(image: str = "nginx:1.29.3", **annotations: str) -> dict[str, Any]:
    labels = {"app": "frontend"}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": image}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "frontend", "annotations": _dashed(annotations)},
        "spec": {"selector": {"matchLabels": labels}, "template": pod},
    }


def engine(state: str | None, name: str = "frontend-chaos", **annotations: str) -> dict[str, Any]:
    lasts = {"name": "TOTAL_CHAOS_DURATION", "value": "30"}
    spec: dict[str, Any] = {
        "appinfo": {"appns": SHOP, "applabel": "app=frontend", "appkind": "deployment"},
        "chaosServiceAccount": "litmus-admin",
        "experiments": [{"name": "pod-delete", "spec": {"components": {"env": [lasts]}}}],
    }
    if state is not None:
        spec["engineState"] = state
    return {
        "apiVersion": "litmuschaos.io/v1alpha1",
        "kind": "ChaosEngine",
        "metadata": {"name": name, "namespace": SHOP, "annotations": _dashed(annotations)},
        "spec": spec,
    }


def _dashed(names: Mapping[str, str]) -> dict[str, str]:
    return {re.sub("_", "-", name): value for name, value in names.items()}
