"""The command `slo doctor`: whether the platform around the budget stands, and what to do where it does not."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING

from slo.clock import utc_now
from slo.commands import Result
from slo.doctor import cluster_checks, prometheus_checks, service_checks, signature_checks
from slo.doctor.finding import Finding, State, as_json, as_text, looked, skipped
from slo.doctor.signature_checks import Signer
from slo.errors import UsageError
from slo.gate_server import GateServer
from slo.kubernetes_names import object_name_of
from slo.opening import servers_of, timeout_of
from slo.settings import Settings, load_settings

if TYPE_CHECKING:
    from slo.doctor.cluster import Patient

WELL, ILL, UNANSWERED = 0, 1, 3
_GATES = ("deploy", "chaos")


def doctor(arguments: Namespace) -> Result:
    """All that was found; the exit code is 1 where something does not hold, 3 where something gave no answer."""
    settings = load_settings(os.environ, arguments.settings)
    object_name_of(arguments.namespace, "--namespace")
    signer = _signer(arguments)
    findings = [
        *_of_cluster(arguments, settings),
        *_of_images(arguments, settings, signer),
        *_of_prometheus(arguments, settings),
        *_of_service(arguments, settings),
        *_of_dashboards(arguments, settings),
    ]
    states = {one.state for one in findings}
    if states == {State.SKIPPED}:
        raise UsageError(
            "nothing to look at: give --kubeconfig FILE, --prometheus URL, --server URL, --dashboard URL, --image REF"
        )
    text = as_json(findings, utc_now()) if arguments.output == "json" else as_text(findings)
    return Result(text, ILL if State.FAILS in states else UNANSWERED if State.UNKNOWN in states else WELL)


def _of_cluster(arguments: Namespace, settings: Settings) -> list[Finding]:
    if not _has_cluster(arguments):
        return skipped(cluster_checks.CHECKS, "--kubeconfig FILE or --context NAME")
    return cluster_checks.cluster_findings(_patient(arguments, settings), arguments.namespace)


def _has_cluster(arguments: Namespace) -> bool:
    return arguments.kubeconfig is not None or arguments.context is not None


def _patient(arguments: Namespace, settings: Settings) -> Patient:
    from slo.doctor.cluster import Patient

    return Patient(
        kubeconfig=arguments.kubeconfig,
        context=arguments.context,
        timeout_seconds=timeout_of(arguments, settings),
    )


def _signer(arguments: Namespace) -> Signer | None:
    """Whom the flags name."""
    key, identity, issuer = arguments.signer_key, arguments.signer_identity, arguments.signer_issuer
    for image in arguments.images:
        signature_checks.check_reference(image)
    if key is not None and (identity or issuer):
        raise UsageError("--signer-key and --signer-identity exclude each other: choose one")
    if bool(identity) != bool(issuer):
        raise UsageError("--signer-identity and --signer-issuer belong together: give both")
    if key is not None and not key.is_file():
        raise UsageError(f"--signer-key: there is no file {key}; write where the public key is, such as cosign.pub")
    if key is None and not identity:
        return None
    is_logged = not arguments.no_transparency_log
    return Signer(key_file=key, identity=identity or "", issuer=issuer or "", is_logged=is_logged)


def _of_images(arguments: Namespace, settings: Settings, signer: Signer | None) -> list[Finding]:
    if not arguments.images:
        return skipped([signature_checks.CHECK], "--image REF, and cosign on PATH")

    def look() -> Finding:
        by = signer
        if by is None and _has_cluster(arguments):
            policy = cluster_checks.signature_policy(_patient(arguments, settings))
            by = signature_checks.signer_of(policy)
        return signature_checks.signature_finding(arguments.images, by, timeout_of(arguments, settings))

    return [looked(signature_checks.CHECK, look, "give --signer-key FILE, or --signer-identity and --signer-issuer")]


def _of_prometheus(arguments: Namespace, settings: Settings) -> list[Finding]:
    server = servers_of(arguments, settings).get("")
    if server is None:
        return skipped(prometheus_checks.CHECKS, "--prometheus URL")
    from slo.source.prometheus_api import PrometheusApi

    api = PrometheusApi(server.urls[0], timeout_seconds=timeout_of(arguments, settings), server=server)
    return prometheus_checks.prometheus_findings(api)


def _of_service(arguments: Namespace, settings: Settings) -> list[Finding]:
    gates = arguments.gates or _GATES
    if arguments.server is None:
        whole, budgets, page = service_checks.CHECKS
        return skipped([whole, budgets, *map(service_checks.gate_check, gates), page], "--server URL, and SLO_TOKEN")
    server = GateServer(arguments.server.rstrip("/"), settings.token)
    return service_checks.service_findings(server, gates, timeout_of(arguments, settings))


def _of_dashboards(arguments: Namespace, settings: Settings) -> list[Finding]:
    if arguments.dashboard is None:
        return skipped(service_checks.DASHBOARDS, "--dashboard URL, and SLO_GRAFANA_TOKEN")
    grafana = GateServer(arguments.dashboard.rstrip("/"), settings.grafana_token, "SLO_GRAFANA_TOKEN")
    return service_checks.dashboard_findings(grafana, timeout_of(arguments, settings))


COMMANDS: dict[str, Callable[[Namespace], Result]] = {"doctor": doctor}
