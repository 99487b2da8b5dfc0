"""A real kube-apiserver with its etcd on the loopback interface: everything of a cluster that answers, and no node.

Objects, admission, RBAC and CRDs are real; nothing runs pods. What a controller or an operator would do, a test does.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import yaml

from tests.support.built import built
from tests.support.prometheus import binary, free_port, running

ADMIN = "admin-token"
READY_WITHIN_SECONDS = 120.0
_ISSUER = "https://kubernetes.default.svc.cluster.local"


class KubernetesFailedError(Exception):
    """A program is not there, or did not do what it was started for."""


@dataclass
class ApiServer:
    """url: where it answers; kubeconfig: a file by which its administrator is let in; log: what the server wrote."""

    url: str
    kubeconfig: Path
    log: Path
    _command: list[str]
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Until it is ready. Raises KubernetesFailedError."""
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(self._command, stdout=out, stderr=out)
        deadline = time.monotonic() + READY_WITHIN_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                if self.asked("/readyz").status_code == 200:
                    return
            except OSError:  # its certificate is not there yet, or nobody answers
                pass
            time.sleep(0.2)
        self.kill()
        raise KubernetesFailedError(f"kube-apiserver did not become ready:\n{self.log.read_text()[-3000:]}")

    def kill(self) -> None:
        """As a machine that is lost: at once, and nobody answers any more. What etcd holds is kept."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def kubeconfig_of(self, token: str) -> Path:
        """The same for another one of the tokens that the server knows."""
        other = self.kubeconfig.with_name(f"kubeconfig-{token}")
        other.write_text(self.kubeconfig.read_text().replace(ADMIN, token))
        return other

    def kubeconfig_by(self, url: str) -> Path:
        """The same by another way, such as a proxy."""
        other = self.kubeconfig.with_name(f"kubeconfig-{url.rpartition(':')[2]}")
        other.write_text(self.kubeconfig.read_text().replace(self.url, url))
        return other

    def kubectl(self, *arguments: str, stdin: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
        """What `kubectl` says; raises KubernetesFailedError where it fails, unless told not to check."""
        command = [tool("kubectl"), f"--kubeconfig={self.kubeconfig}", *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=300)
        if check and done.returncode:
            raise KubernetesFailedError(f"{' '.join(arguments)}: {done.stderr}")
        return done

    def apply(self, *documents: Mapping[str, Any] | Path) -> None:
        """Objects, or files of them; definitions of custom resources are served when this returns."""
        for document in documents:
            text = document.read_text() if isinstance(document, Path) else yaml.safe_dump(dict(document))
            self.kubectl("apply", "-f", "-", stdin=text)
            names = [one["metadata"]["name"] for one in yaml.safe_load_all(text) if _is_definition(one)]
            for name in names:
                self.kubectl("wait", "--for=condition=Established", f"crd/{name}", "--timeout=60s")

    def asked(self, path: str, *, token: str = ADMIN) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return requests.get(self.url + path, headers=headers, verify=str(self.certificate), timeout=5)

    @property
    def certificate(self) -> Path:
        """By which it is trusted."""
        return self.kubeconfig.with_name("certificates") / "apiserver.crt"


@contextmanager
def api_server(
    directory: Path, *, tokens: Mapping[str, tuple[str, Iterable[str]]] | None = None
) -> Iterator[ApiServer]:
    """A cluster without objects. directory: an empty folder for its data and logs.

    tokens: beside the administrator's, whom a token lets in: the user's name and groups. Raises KubernetesFailedError.
    """
    directory.mkdir(exist_ok=True)
    certificates = directory / "certificates"
    certificates.mkdir()
    with ExitStack() as stack:
        etcd = stack.enter_context(_etcd(directory))
        port = free_port()
        server = ApiServer(
            url=f"https://127.0.0.1:{port}",
            kubeconfig=_kubeconfig(directory, port),
            log=directory / "apiserver.log",
            _command=[
                tool("kube-apiserver"),
                f"--etcd-servers={etcd}",
                f"--secure-port={port}",
                "--bind-address=127.0.0.1",
                f"--cert-dir={certificates}",
                f"--service-account-issuer={_ISSUER}",
                f"--service-account-key-file={_key(directory)}",
                f"--service-account-signing-key-file={_key(directory)}",
                f"--token-auth-file={_token_file(directory, tokens or {})}",
                "--authorization-mode=RBAC",
                "--service-cluster-ip-range=10.0.0.0/24",
                "--disable-admission-plugins=ServiceAccount",
            ],
        )
        stack.callback(server.kill)
        server.start()
        yield server


def tool(name: str) -> str:
    """The path of a program of Kubernetes. Raises KubernetesFailedError."""
    if found := built(name):
        return found
    raise KubernetesFailedError(f"{name} is not built; `scripts/platform-tools.sh kubernetes` does that")


@contextmanager
def _etcd(directory: Path) -> Iterator[str]:
    client, peer = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    command = [
        binary("etcd"),
        f"--data-dir={directory / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
    ]
    with running(command, directory / "etcd.log", ready=f"{client}/health"):
        yield client


def _key(directory: Path) -> Path:
    key = directory / "service-accounts.key"
    if not key.exists():
        command = [binary("openssl"), "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out"]
        subprocess.run([*command, str(key)], check=True, capture_output=True)
    return key


def _token_file(directory: Path, tokens: Mapping[str, tuple[str, Iterable[str]]]) -> Path:
    file = directory / "tokens.csv"
    rows = {ADMIN: ("admin", ["system:masters"]), **tokens}
    file.write_text("".join(f'{token},{user},{user},"{",".join(groups)}"\n' for token, (user, groups) in rows.items()))
    return file


def _kubeconfig(directory: Path, port: int) -> Path:
    file = directory / "kubeconfig"
    certificate = directory / "certificates" / "apiserver.crt"
    cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority": str(certificate)}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "test", "user": {"token": ADMIN}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "current-context": "test",
    }
    file.write_text(yaml.safe_dump(document))
    return file


def _is_definition(document: Any) -> bool:
    return isinstance(document, dict) and document.get("kind") == "CustomResourceDefinition"
