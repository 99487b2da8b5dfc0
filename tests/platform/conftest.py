"""The image, built once for all tests, a registry on the loopback interface, and an API server with chaos to guard.

Files whose tests use the image are named after it: one worker runs them all (tests/support/scheduling.py).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.platform.chaos_scene import Scene, litmus_server, new_scene
from tests.platform.containers import Store
from tests.platform.programs import program
from tests.support.kubernetes import ApiServer
from tests.support.litmus import PlayedOperator, played_operator
from tests.support.prometheus import free_port, running

IMAGE = "localhost/slo:test"


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Holds the image that the Dockerfile makes, as IMAGE."""
    if os.geteuid():
        pytest.fail("these tests start containers without a daemon and need root: sudo make test-platform")
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


@pytest.fixture(scope="module")
def chaos_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """Knows Litmus' kinds."""
    with litmus_server(tmp_path_factory.mktemp("k8s") / "cluster") as running:
        yield running


@pytest.fixture
def scene(chaos_server: ApiServer, tmp_path: Path) -> Scene:
    return new_scene(chaos_server, tmp_path)


@pytest.fixture
def operator(scene: Scene) -> Iterator[PlayedOperator]:
    """Of the scene's namespace."""
    with played_operator(scene.server.kubeconfig, scene.namespace) as playing:
        yield playing
