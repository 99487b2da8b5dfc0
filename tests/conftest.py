"""Fixtures that cost too much to make more than once: a real Prometheus with a fleet of known truth, a PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from functools import cache, partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer

from slo.source.fleet import Episode, Fleet, FleetSpec, Gap, simulate
from slo.source.protocol import SeriesSamples
from tests.support import postgres
from tests.support.built import built
from tests.support.postgres import PostgresFailedError, PostgresServer, running_postgres
from tests.support.prometheus import PrometheusFailedError, prometheus_with
from tests.support.scheduling import ByResource
from tests.support.victoria_metrics import victoria_metrics_with

# How fast examples are made tells of the machine and who else uses it, not of the code.
settings.register_profile("shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared machine")

FLEET_START = 29_800_800
"""2026-08-30T00:00:00Z, in minutes since the epoch."""

LoadPrometheus = Callable[[Iterable[SeriesSamples]], str]
LoadServer = Callable[[str, Iterable[SeriesSamples]], str]


def prometheus3_with(
    series: Iterable[SeriesSamples], directory: Path, *, scrape: tuple[str, ...] = ()
) -> AbstractContextManager[str]:
    """As prometheus_with, of version 3."""
    program = built("prometheus3")
    if program is None:
        raise PrometheusFailedError("it is not built; `scripts/platform-tools.sh prometheus` does that")
    return prometheus_with(series, directory, scrape=scrape, program=program)


STARTERS: dict[str, Callable[..., AbstractContextManager[str]]] = {
    "prometheus": prometheus_with,
    "prometheus-3": prometheus3_with,
    "victoria-metrics": victoria_metrics_with,
}
SERVERS = ("prometheus", "victoria-metrics", pytest.param("prometheus-3", marks=pytest.mark.platform))
"""The kinds of server that everything must be true of; one of them takes minutes to build."""


@pytest.hookimpl(optionalhook=True)  # there is none without workers
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByResource | None:
    return ByResource(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.fixture(scope="session")
def known_fleet() -> Fleet:
    """Two days of three pods at 30 s: diurnal traffic, an incident at night, churn, restarts, lazy series and a gap."""
    return simulate(
        FleetSpec(
            start=FLEET_START,
            days=2,
            scrape_interval_seconds=30,
            requests_per_second=20.0,
            peak_to_trough=5.0,
            base_error_ratio=0.001,
            incidents=(Episode(24 * 60 + 180, 30, 0.5),),
            slow_ratio=0.03,
            pod_lifetime_hours=16.0,
            lazy_series=True,
            resets_per_pod=2,
            gaps=(Gap(1000, 12),),
        )
    )


@pytest.fixture(scope="session")
def load_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoadServer]:
    """Starts a server of the given kind that holds the given series, and gives its URL; all are stopped at the end."""
    with ExitStack() as running:

        def start(kind: str, series: Iterable[SeriesSamples]) -> str:
            directory: Path = tmp_path_factory.mktemp(kind)
            try:
                return running.enter_context(STARTERS[kind](series, directory))
            except PrometheusFailedError as error:
                pytest.fail(f"these tests need a real {kind}: {error}")

        yield start


@pytest.fixture(scope="session")
def load_prometheus(load_server: LoadServer) -> LoadPrometheus:
    """Starts a Prometheus that holds the given series, and gives its URL; all are stopped at the end."""
    return partial(load_server, "prometheus")


@pytest.fixture(scope="session")
def fleet_url_of(known_fleet: Fleet, load_server: LoadServer) -> Callable[[str], str]:
    """The URL of a server of the given kind that holds the fleet of known truth."""
    return cache(lambda kind: load_server(kind, (one for group in known_fleet.series.values() for one in group)))


@pytest.fixture(scope="session")
def fleet_url(fleet_url_of: Callable[[str], str]) -> str:
    """The URL of a Prometheus that holds the fleet of known truth."""
    return fleet_url_of("prometheus")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL for the whole session."""
    with ExitStack() as running:
        try:
            server = running.enter_context(running_postgres())
        except PostgresFailedError as error:
            pytest.fail(f"these tests need a real PostgreSQL: {error}; if it is missing, {postgres.CURE}")
        yield server


@pytest.fixture
def postgres_dsn(postgres_server: PostgresServer) -> Iterator[str]:
    """The address of a database that no other test has seen."""
    with postgres_server.fresh_database() as dsn:
        yield dsn
