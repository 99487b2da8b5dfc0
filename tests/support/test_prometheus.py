"""The Prometheus that tests run against holds exactly the samples it was given."""

from __future__ import annotations

import json
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, Counter, start_http_server

from slo.source.fleet import REQUESTS, Fleet
from tests.support.prometheus import PrometheusFailedError, binary, free_port, prometheus_with


def ask(url: str, **parameters: str) -> list[dict[str, Any]]:
    query = urllib.parse.urlencode(parameters)
    with urllib.request.urlopen(f"{url}/api/v1/query?{query}", timeout=30) as answer:
        result: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        return result


def test_the_loaded_prometheus_holds_every_sample_of_the_fleet(known_fleet: Fleet, fleet_url: str) -> None:
    end = (known_fleet.spec.first_minute + known_fleet.spec.minutes) * 60
    answer = ask(fleet_url, query=f"{REQUESTS}[3d]", time=str(end))
    found = {frozenset(one["metric"].items()): one["values"] for one in answer}
    assert len(found) == len(known_fleet.series[REQUESTS])
    for one in known_fleet.series[REQUESTS]:
        times, values = zip(*found[frozenset(one.labels.items())], strict=True)
        assert np.array_equal(np.rint(np.array(times) * 1000).astype(np.int64), one.times)
        assert np.array_equal(np.array(values, np.float64), one.values)


def test_a_missing_binary_is_named_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(PrometheusFailedError, match="promtool is not installed; `make check-tools` brings it"):
        binary("promtool")


def test_a_live_exporter_is_scraped_every_second(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    Counter("orders", "Orders of the shop.", registry=registry).inc(3)
    port = free_port()
    server, thread = start_http_server(port, addr="127.0.0.1", registry=registry)
    try:
        with prometheus_with([], tmp_path, scrape=(f"127.0.0.1:{port}",)) as url:
            deadline = time.monotonic() + 20
            while not (found := ask(url, query="orders_total")) and time.monotonic() < deadline:
                time.sleep(0.2)
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
    assert [one["value"][1] for one in found] == ["3"]
