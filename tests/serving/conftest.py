"""The simulated shop in a snapshot, and in the report that a command would give."""

from __future__ import annotations

import pytest

from slo.clock import parse_time
from slo.report import Report
from slo.reporting import make_report
from slo.serving.publishing import make_snapshot
from slo.serving.snapshot import Snapshot
from slo.source.protocol import Source
from slo.source.simulated import simulated_cloudshop
from slo.spec import Spec, load_files
from tests.conftest import LoadPrometheus
from tests.ledger.collectors import Past, recent_fleet

AT = parse_time("2026-11-01T00:00:00Z")
FILE = """\
service: cloudshop
labels: {team: "a \\"quoted\\" team"}
objectives:
  - name: availability
    description: <b>Requests</b>
    target: 99.9%
    window: 30d
    group_by: [service]
    sli: REQUESTS
  - {name: week, target: 99%, window: 7d, sli: REQUESTS}
  - {name: strict, target: 100%, window: 1d, sli: REQUESTS}
  - {name: silent, target: 99%, window: 7d, sli: {ratio: {bad: nothing_bad, total: nothing}}}
  - name: month
    target: 99%
    window: {calendar: month, time_zone: Europe/Paris}
    sli: {probe: {series: probe_success, good_when: "== 1"}}
alerting: {policy: sre-workbook, runbook: "https://runbooks.example.com/shop"}
gates:
  - name: deploy
    objectives: ["cloudshop/*"]
    min_budget_remaining: 10%
    max_burn_rate: {1h: 1, 6h: 1}
    max_data_age: 5m
    on_unknown: {stale: deny, no_data: deny, young: allow}
    freeze: [{start: 2026-10-24T00:00:00Z, end: 2026-11-02T00:00:00Z, reason: "Sale"}]
  - {name: cart, objectives: ['cloudshop/availability{service="cart"}'], min_budget_remaining: 0%, max_data_age: 5m}
  - {name: strict-only, objectives: [{team: 'a "quoted" team'}], max_burn_rate: {1h: 14.4}, max_data_age: 5m}
  - {name: nothing, objectives: ["elsewhere/*"], max_data_age: 5m}
""".replace("REQUESTS", "{ratio: {bad: 'http_requests_total{status=~\"5..\"}', total: http_requests_total}}")


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Spec:
    file = tmp_path_factory.mktemp("objectives") / "o.yaml"
    file.write_text(FILE)
    return load_files([file])


@pytest.fixture(scope="module")
def source() -> Source:
    return simulated_cloudshop(at=AT)


@pytest.fixture(scope="module")
def report(spec: Spec, source: Source) -> Report:
    return make_report(spec.objectives, source, at=AT, progress=lambda share: None)


@pytest.fixture(scope="module")
def snapshot(spec: Spec, source: Source) -> Snapshot:
    return Snapshot.open(make_snapshot(spec, source, at=AT, cycle=7, made_at=AT))


@pytest.fixture(scope="session")
def past(load_prometheus: LoadPrometheus, tmp_path_factory: pytest.TempPathFactory) -> Past:
    """A Prometheus full of days that are to be caught up with."""
    fleet = recent_fleet()
    url = load_prometheus(one for group in fleet.series.values() for one in group)
    return Past.of_fleet(fleet, url, tmp_path_factory.mktemp("past"))
