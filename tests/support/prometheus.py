"""A real Prometheus on the loopback interface, loaded with given samples."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from slo.source.protocol import SeriesSamples

TOOLS = Path(__file__).parents[2] / ".tools"
"""Where `make check-tools` unpacks what is not on PATH."""

READY_WITHIN_SECONDS = 30.0
CURE = "`make check-tools` brings it on Debian and Ubuntu; elsewhere put its release tarball's folder on PATH"


class PrometheusFailedError(Exception):
    """A binary is not there, or did not do what it was started for."""


@contextmanager
def prometheus_with(
    series: Iterable[SeriesSamples],
    directory: Path,
    *,
    scrape: tuple[str, ...] = (),
    lookback_delta: str = "5m",
    program: str = "prometheus",
    rules: str = "",
) -> Iterator[str]:
    """The URL of a Prometheus that holds the series and scrapes the given `host:port` targets every second.

    directory: an empty folder for data and logs. program: its name or path. rules: the text of a rule file. Raises
    PrometheusFailedError.
    """
    data = directory / "data"
    load(series, directory / "samples.txt", data)
    config = directory / "prometheus.yml"
    (directory / "rules.yaml").write_text(rules or "groups: []\n", encoding="utf-8")
    config.write_text(f"rule_files: [rules.yaml]\n{scrape_config(scrape)}", encoding="utf-8")
    port = free_port()
    command = [
        binary(program),
        f"--config.file={config}",
        f"--storage.tsdb.path={data}",
        "--storage.tsdb.retention.time=10y",
        f"--web.listen-address=127.0.0.1:{port}",
        f"--query.lookback-delta={lookback_delta}",
        "--query.max-samples=200000000",
        "--log.level=warn",
    ]
    url = f"http://127.0.0.1:{port}"
    with running(command, directory / "prometheus.log", ready=f"{url}/-/ready"):
        yield url


@contextmanager
def running(command: list[str], log: Path, *, ready: str) -> Iterator[None]:
    """Runs a server from when it answers at the address `ready` to the end of the block."""
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
        try:
            _wait_until_ready(ready, process, log)
            yield
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def load(series: Iterable[SeriesSamples], text: Path, data: Path) -> None:
    """Write the series as TSDB blocks into the data folder."""
    data.mkdir(parents=True, exist_ok=True)
    with text.open("w", encoding="utf-8") as out:
        lines = 0
        for one in series:
            lines += one.times.size
            out.writelines(openmetrics_lines(one))
        out.write("# EOF\n")
    if lines:
        load_openmetrics(text, data)
    text.unlink()


def load_openmetrics(text: Path, data: Path) -> None:
    """Turn a file of OpenMetrics text into TSDB blocks in the data folder. Raises PrometheusFailedError."""
    # promtool parses the whole file once for every block: one block for all of it is minutes faster.
    command = [binary("promtool"), "tsdb", "create-blocks-from", "--max-block-duration=8760h"]
    done = subprocess.run([*command, "openmetrics", "-q", str(text), str(data)], capture_output=True, check=False)
    if done.returncode:
        raise PrometheusFailedError(f"promtool could not load the samples: {done.stderr.decode(errors='replace')}")


def openmetrics_lines(one: SeriesSamples) -> Iterator[str]:
    """The samples in OpenMetrics text."""
    inside = ",".join(f'{name}="{_escaped(value)}"' for name, value in one.labels.items() if name != "__name__")
    head = f"{one.labels['__name__']}{{{inside}}}"
    for at, value in zip(one.times.tolist(), one.values.tolist(), strict=True):
        # A third of a millisecond more: the parser truncates at the millisecond what a float cannot hold.
        yield f"{head} {value!r} {at // 1000}.{at % 1000:03d}3\n"


def binary(name: str) -> str:
    """The path of a program. Raises PrometheusFailedError."""
    found = shutil.which(name) or shutil.which(name, path=f"/usr/bin:/usr/local/bin:{TOOLS / 'usr' / 'bin'}")
    if found is None:
        raise PrometheusFailedError(f"{name} is not installed; {CURE}")
    return found


def free_port() -> int:
    """A loopback port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def scrape_config(scrape: tuple[str, ...]) -> str:
    """What is scraped, every second, as the servers' configuration says it."""
    if not scrape:
        return "scrape_configs: []\n"
    targets = ", ".join(f'"{target}"' for target in scrape)
    return (
        "scrape_configs:\n  - job_name: shop\n    scrape_interval: 1s\n    scrape_timeout: 1s\n"
        f"    static_configs: [{{targets: [{targets}]}}]\n"
    )


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise PrometheusFailedError(f"{log.stem} did not become ready at {url}:\n{log.read_text(errors='replace')[-2000:]}")
