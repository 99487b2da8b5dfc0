"""The whole API asked what it does not expect: no fault, and every answer as it is described."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance, unsupported_method

from slo.http.service import Rules
from tests.http.shop import running_shop

_BEYOND_SCHEMAS = [
    positive_data_acceptance,  # a schema cannot say which times, names and texts mean something
    negative_data_rejection,  # it counts what it put into headers that nobody reads
    unsupported_method,  # tests/http/test_routes.py
]
OPERATIONS = [
    "GET /budget/check",
    "GET /gates/{gate}",
    "POST /gates/{gate}",
    "GET /gates",
    "POST /admission/{gate}",
    "GET /healthz",
    "GET /readyz",
    "GET /metrics",
    "GET /budget",
    "GET /budget/{service}/{name}",
    "GET /decisions",
    "GET /gates/{gate}/chaos",
    "POST /gates/{gate}/chaos",
    "GET /gates/{gate}/override",
    "POST /gates/{gate}/override",
    "DELETE /gates/{gate}/override/{number}",
    "GET /corrections",
    "POST /corrections",
    "DELETE /corrections/{number}",
]


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, Any], dict[str, str]]]:
    """The API's operations by name, and what lets in to all of them."""
    folder: Path = tmp_path_factory.mktemp("described")
    with running_shop(folder, with_tokens=True, anonymous="none", rules=Rules(writes_per_second=1e6)) as shop:
        headers = {"Authorization": f"Bearer {shop.tokens['admin']}"}
        schema = schemathesis.openapi.from_url(f"{shop.url}/openapi.json", headers=headers)
        results: Any = schema.get_all_operations()
        found = [result.ok() for result in results]
        yield {operation.label: operation for operation in found}, headers


def test_every_operation_is_asked(described: tuple[dict[str, Any], dict[str, str]]) -> None:
    assert sorted(described[0]) == sorted(OPERATIONS)


@pytest.mark.parametrize(
    ("label", "mode"),
    # Nothing can be wrong with a request that has nothing in it.
    [(one, mode) for one in OPERATIONS for mode in GenerationMode if (one, mode.value) != ("GET /healthz", "negative")],
)
def test_every_answer_is_as_described(
    described: tuple[dict[str, Any], dict[str, str]], label: str, mode: GenerationMode
) -> None:
    operations, headers = described

    @given(case=operations[label].as_strategy(generation_mode=mode))
    @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    def ask(case: Any) -> None:
        case.call_and_validate(headers=headers, excluded_checks=_BEYOND_SCHEMAS)

    ask()
