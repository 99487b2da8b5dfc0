"""The Prometheus that tests run against holds exactly the samples it was given."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request

import numpy as np
import pytest

from slo.source.fleet import REQUESTS, Fleet
from tests.support import prometheus
from tests.support.prometheus import PrometheusMissingError, binary


def test_the_loaded_prometheus_holds_every_sample_of_the_fleet(known_fleet: Fleet, fleet_url: str) -> None:
    end = (known_fleet.spec.first_minute + known_fleet.spec.minutes) * 60
    query = urllib.parse.urlencode({"query": f"{REQUESTS}[3d]", "time": end})
    with urllib.request.urlopen(f"{fleet_url}/api/v1/query?{query}", timeout=30) as answer:
        found = {frozenset(one["metric"].items()): one["values"] for one in json.load(answer)["data"]["result"]}
    assert len(found) == len(known_fleet.series[REQUESTS])
    for one in known_fleet.series[REQUESTS]:
        times, values = zip(*found[frozenset(one.labels.items())], strict=True)
        assert np.array_equal(np.rint(np.array(times) * 1000).astype(np.int64), one.times)
        assert np.array_equal(np.array(values, np.float64), one.values)


def test_a_missing_binary_is_named_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prometheus.shutil, "which", lambda *_, **__: None)
    with pytest.raises(PrometheusMissingError, match="promtool is not installed; install it with"):
        binary("promtool")
