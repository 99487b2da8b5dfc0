"""The image, built once for all tests, and a registry on the loopback interface.

Files whose tests use the image are named after it: one worker runs them all (tests/support/scheduling.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.platform.containers import Store
from tests.platform.programs import program
from tests.support.prometheus import free_port, running

IMAGE = "localhost/slo:test"


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Holds the image that the Dockerfile makes, as IMAGE."""
    store = Store(tmp_path_factory.mktemp("images"))
    store.import_base()
    store.build(IMAGE)
    yield store
    store.unmount()


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The host and port of an empty registry."""
    folder: Path = tmp_path_factory.mktemp("registry")
    at = f"127.0.0.1:{free_port()}"
    with running(
        [program("crane"), "registry", "serve", "--address", at, "--disk", str(folder)],
        folder.with_suffix(".log"),
        ready=f"http://{at}/v2/",
    ):
        yield at
