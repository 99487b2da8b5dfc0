"""The command `slo publish`: a gate's decision in a ConfigMap, for policies of the API server, which can ask nobody."""

from __future__ import annotations

import os
import time
from argparse import Namespace
from collections.abc import Callable, Mapping
from pathlib import Path

from slo.clock import format_time, utc_now
from slo.commands import Result
from slo.errors import ClusterError, SLOError, UsageError
from slo.gate_server import GateServer
from slo.kubernetes_names import object_name_of
from slo.settings import check_duration, load_settings

_TIMEOUT_SECONDS = 5.0
_LONGEST_REASON = 500
_REFUSED, _ALLOWED = "refused", "allowed"


def publish(arguments: Namespace) -> Result:
    """Ask and write again and again until interrupted, or once. What cannot be asked is written as refused."""
    settings = load_settings(os.environ, arguments.settings)
    namespace, _, name = arguments.config_map.partition("/")
    if not object_name_of(namespace, "--config-map") or not object_name_of(name, "--config-map"):
        raise UsageError(f"--config-map: {arguments.config_map[:60]!r} is no place; write NAMESPACE/NAME")
    server = GateServer(arguments.server.rstrip("/"), settings.token)
    every = check_duration(arguments.every, "--every")
    while True:
        decided = {key: value for gate in arguments.gates for key, value in _decided(server, gate).items()}
        try:
            _write(arguments.account, namespace, name, decided | {"at": format_time(utc_now())})
        except ClusterError:
            if arguments.once:
                raise
        if arguments.once:
            return Result("")
        time.sleep(every)


def _decided(server: GateServer, gate: str) -> Mapping[str, str]:
    """Two entries: the gate's own, and why."""
    try:
        document = server.ask(gate, (), timeout_seconds=_TIMEOUT_SECONDS)
    except SLOError as error:
        return {gate: _REFUSED, f"{gate}.reason": str(error)[:_LONGEST_REASON]}
    reasons = document.get("reasons") or [{}]
    why = str(reasons[0].get("message", "")) or str(document.get("decision"))
    return {gate: _ALLOWED if document.get("allowed") is True else _REFUSED, f"{gate}.reason": why[:_LONGEST_REASON]}


def _write(account: Path, namespace: str, name: str, data: Mapping[str, str]) -> None:
    """By a merge patch with the token of a service account, which is renewed in its file. Raises ClusterError."""
    import requests

    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    if not host:
        raise UsageError("KUBERNETES_SERVICE_HOST is not set: slo publish runs in a pod")
    url = f"https://{f'[{host}]' if ':' in host else host}:{port}/api/v1/namespaces/{namespace}/configmaps/{name}"
    try:
        token = (account / "token").read_text(encoding="utf-8").strip()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/merge-patch+json"}
        answer = requests.patch(
            url, json={"data": dict(data)}, headers=headers, verify=str(account / "ca.crt"), timeout=_TIMEOUT_SECONDS
        )
    except OSError as error:  # requests' own errors as well
        raise ClusterError(f"{url}: cannot be written: {type(error).__name__}") from None
    if answer.status_code != 200:
        raise ClusterError(
            f"{url}: the API server answers {answer.status_code}; is the ConfigMap there, the role bound?"
        )


COMMANDS: dict[str, Callable[[Namespace], Result]] = {"publish": publish}
