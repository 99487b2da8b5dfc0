"""A real Alertmanager on the loopback interface."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.prometheus import binary, free_port, running

_CONFIG = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"


@contextmanager
def alertmanager(directory: Path) -> Iterator[str]:
    """The URL of an Alertmanager that notifies nobody. directory: an empty folder. Raises PrometheusFailedError."""
    (directory / "alertmanager.yml").write_text(_CONFIG, encoding="utf-8")
    url = f"http://127.0.0.1:{free_port()}"
    command = [
        binary("prometheus-alertmanager"),
        f"--config.file={directory / 'alertmanager.yml'}",
        f"--storage.path={directory / 'data'}",
        f"--web.listen-address={url.removeprefix('http://')}",
        "--cluster.listen-address=",
    ]
    with running(command, directory / "alertmanager.log", ready=f"{url}/-/ready"):
        yield url
