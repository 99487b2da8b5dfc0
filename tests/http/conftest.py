"""The service over the simulated shop, started once for tests that only ask."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.http.shop import Shop, running_shop


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Open to anyone, at the time of its only snapshot."""
    with running_shop(tmp_path_factory.mktemp("shop")) as running:
        yield running


@pytest.fixture(scope="session")
def client(shop: Shop) -> Iterator[httpx.Client]:
    with shop.client() as opened:
        yield opened
