"""A real VictoriaMetrics on the loopback interface, loaded with given samples; with its settings as they come."""

from __future__ import annotations

import json
import math
import time
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from slo.source.protocol import SeriesSamples
from tests.support.prometheus import binary, free_port, running, scrape_config

_FUTURE_SECONDS = 2 * 86_400
"""VictoriaMetrics drops what is further ahead."""


@contextmanager
def victoria_metrics_with(
    series: Iterable[SeriesSamples], directory: Path, *, scrape: tuple[str, ...] = ()
) -> Iterator[str]:
    """The URL of a VictoriaMetrics that holds the series and scrapes the given `host:port` targets every second.

    directory: an empty folder for data and logs. Raises PrometheusFailedError.
    """
    given = list(series)
    if any(one.times.size and one.times[-1] > (time.time() + _FUTURE_SECONDS) * 1000 for one in given):
        pytest.fail("VictoriaMetrics stores no samples of the future, and this machine's clock is before theirs")
    config = directory / "scrape.yml"
    config.write_text(scrape_config(scrape), encoding="utf-8")
    url = f"http://127.0.0.1:{free_port()}"
    command = [
        binary("victoria-metrics"),
        f"-storageDataPath={directory / 'data'}",
        f"-httpListenAddr={url.removeprefix('http://')}",
        f"-promscrape.config={config}",
        "-retentionPeriod=100y",
        "-loggerLevel=WARN",
    ]
    with running(command, directory / "victoria-metrics.log", ready=f"{url}/health"):
        body = "".join(map(_line, given)).encode()
        for path, data in (("/api/v1/import", body), ("/internal/force_flush", b"")):
            with urllib.request.urlopen(url + path, data=data, timeout=60) as answer:
                answer.read()
        yield url


def _line(one: SeriesSamples) -> str:
    """The series in the form of /api/v1/import, without NaN, which it would refuse."""
    points = [point for point in zip(one.times.tolist(), one.values.tolist(), strict=True) if not math.isnan(point[1])]
    times, values = zip(*points, strict=True)
    return json.dumps({"metric": dict(one.labels), "values": values, "timestamps": times}) + "\n"
