"""The command `slo doctor`: whether the platform around the budget stands, and what to do where it does not."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Callable

from slo.clock import utc_now
from slo.commands import Result
from slo.doctor import cluster_checks, prometheus_checks, service_checks
from slo.doctor.finding import Finding, State, as_json, as_text, skipped
from slo.errors import UsageError
from slo.gate_server import GateServer
from slo.kubernetes_names import object_name_of
from slo.opening import servers_of, timeout_of
from slo.settings import Settings, load_settings

WELL, ILL, UNANSWERED = 0, 1, 3
_GATES = ("deploy", "chaos")


def doctor(arguments: Namespace) -> Result:
    """All that was found; the exit code is 1 where something does not hold, 3 where something gave no answer."""
    settings = load_settings(os.environ, arguments.settings)
    object_name_of(arguments.namespace, "--namespace")
    findings = [
        *_of_cluster(arguments, settings),
        *_of_prometheus(arguments, settings),
        *_of_service(arguments, settings),
        *_of_dashboards(arguments, settings),
    ]
    states = {one.state for one in findings}
    if states == {State.SKIPPED}:
        raise UsageError("nothing to look at: give --kubeconfig FILE, --prometheus URL, --server URL, --dashboard URL")
    text = as_json(findings, utc_now()) if arguments.output == "json" else as_text(findings)
    return Result(text, ILL if State.FAILS in states else UNANSWERED if State.UNKNOWN in states else WELL)


def _of_cluster(arguments: Namespace, settings: Settings) -> list[Finding]:
    if arguments.kubeconfig is None and arguments.context is None:
        return skipped(cluster_checks.CHECKS, "--kubeconfig FILE or --context NAME")
    from slo.doctor.cluster import Patient

    cluster = Patient(
        kubeconfig=arguments.kubeconfig,
        context=arguments.context,
        timeout_seconds=timeout_of(arguments, settings),
    )
    return cluster_checks.cluster_findings(cluster, arguments.namespace)


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
        return skipped([service_checks.DASHBOARD], "--dashboard URL")
    grafana = GateServer(arguments.dashboard.rstrip("/"))
    return [service_checks.dashboard_finding(grafana, timeout_of(arguments, settings))]


COMMANDS: dict[str, Callable[[Namespace], Result]] = {"doctor": doctor}
