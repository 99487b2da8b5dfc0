"""The commands of docs/operating.md, taken from the page and run: in a new environment, and on a real API server."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.platform.gated import SUPPORT
from tests.platform.programs import ROOT, program
from tests.support.kubernetes import ApiServer, api_server
from tests.support.prometheus import free_port

pytestmark = pytest.mark.platform

PAGE = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
BLOCKS: list[str] = [textwrap.dedent(found) for found in re.findall(r"^ *```sh\n(.*?)^ *```$", PAGE, re.M | re.S)]
INLINE: list[str] = sorted(set(re.findall(r"`((?:kubectl|pip) [^`]+)`", PAGE)))
INSTALL = "python3 -m venv"
IN_THE_CLUSTER = (
    "slo token new",
    "openssl req",
    "kubectl apply -k deploy/kubernetes/sqlite",
    "kubectl patch validatingwebhookconfiguration",
    "kubectl label namespace",
    "kubectl apply -k deploy/kubernetes/backstop",
    "slo doctor",
    "kubectl delete validatingwebhookconfiguration",
)
"""What somebody who follows the page does, one after the other."""
ELSEWHERE = {
    "mkdir -p backup": "tests/ledger/test_backup.py",
    "pg_dump": "tests/ledger/test_backup.py",
}
NOT_RUN = {
    "pip install .": "it is the first block without the lock, so with whatever is newest on that day",
    "pip install 'slo[chaos]'": "the package is published by nobody under that name",
}


def command(beginning: str) -> str:
    """The block or the inline command of the page that has it; the test fails where there is none, or are several."""
    (found,) = [one for one in (*BLOCKS, *INLINE) if re.search(rf"^{re.escape(beginning)}", one, re.M)]
    return found


def shell(text: str, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        cwd=folder,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )


def run(text: str, folder: Path, **env: str) -> str:
    done = shell(text, folder, **env)
    assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_no_command_of_the_page_is_forgotten() -> None:
    known = (INSTALL, *IN_THE_CLUSTER, *ELSEWHERE, *NOT_RUN)
    texts = {one: command(one) for one in known}
    assert set(texts.values()) == {*BLOCKS, *INLINE}


def test_it_is_installed_as_the_page_says(tmp_path: Path) -> None:
    """In another folder, and from a copy, as pip builds within what it installs."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in listed.stdout.strip("\0").split("\0"):
        (tmp_path / "checkout" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / "checkout" / name)
    said = run(command(INSTALL).replace("/opt/slo", str(tmp_path / "venv")), tmp_path / "checkout", PYTHONPATH="")
    assert said.splitlines()[-1].startswith("slo ")
    objectives = ROOT / "examples" / "cloudshop.yaml"
    report = run(f"{tmp_path}/venv/bin/slo report {objectives} --demo -o csv", tmp_path, PYTHONPATH="")
    assert "cloudshop/availability" in report


def test_a_cluster_is_set_up_as_the_page_says(tmp_path: Path) -> None:
    with api_server(tmp_path / "cluster") as server:
        server.apply(SUPPORT / "operators.yaml", SUPPORT / "litmus.yaml")
        server.kubectl("create", "namespace", "cloudshop-prod")
        shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
        follow(server, tmp_path)


def follow(server: ApiServer, folder: Path) -> None:
    programs = [str(Path(sys.executable).parent), str(Path(program("kubectl")).parent), os.environ["PATH"]]
    home = {"HOME": str(folder), "PATH": os.pathsep.join(programs), "PYTHONPATH": str(ROOT)}
    (folder / ".kube").mkdir()
    shutil.copy(server.kubeconfig, folder / ".kube" / "config")
    tokens, certificates, apply, patch, label, backstop, doctor, delete = map(command, IN_THE_CLUSTER)

    run(tokens, folder, **home)
    held = secret(server, "slo-tokens")["tokens"].decode()
    assert [line.split()[0] for line in held.splitlines() if not line.startswith("#")] == ["ci", "prometheus"]
    assert secret(server, "slo-scrape")["token"].decode() == (folder / "prometheus.token").read_text().strip()

    run(certificates, folder, **home)
    assert set(secret(server, "slo-serving")) == {"tls.crt", "tls.key", "ca.crt"}
    run("openssl verify -CAfile ca.crt -verify_hostname slo.slo-system.svc tls.crt", folder, **home)

    run(apply, folder, **home)
    for _ in range(2):  # applied again, it keeps whom the API server trusts
        run(patch, folder, **home)
        run(apply, folder, **home)
        bundles = {hook["clientConfig"]["caBundle"] for hook in webhooks(server)}
        assert bundles == {base64.b64encode((folder / "ca.crt").read_bytes()).decode()}

    run(label, folder, **home)
    namespace = json.loads(server.kubectl("get", "namespace", "cloudshop-prod", "-o", "json").stdout)
    assert namespace["metadata"]["labels"]["slo.example.com/gate"] == "enforce"
    run(backstop, folder, **home)

    ports = re.sub(r"localhost:\d+", lambda _: f"127.0.0.1:{free_port()}", doctor)
    examined = shell(f"{ports.strip()} --timeout 30", folder, **home)
    assert examined.returncode == 1, examined.stderr  # nothing but the gates stands here
    assert "holds   the API server asks the gates" in examined.stdout

    run(delete, folder, **home)
    assert server.kubectl("get", "validatingwebhookconfigurations", "-o", "name").stdout == ""


def secret(server: ApiServer, name: str) -> dict[str, bytes]:
    found = json.loads(server.kubectl("get", "secret", name, "-n", "slo-system", "-o", "json").stdout)
    return {key: base64.b64decode(value) for key, value in found["data"].items()}


def webhooks(server: ApiServer) -> list[dict[str, dict[str, str]]]:
    found = server.kubectl("get", "validatingwebhookconfiguration", "slo-gates", "-o", "json").stdout
    hooks: list[dict[str, dict[str, str]]] = json.loads(found)["webhooks"]
    return hooks
