"""What a request asks for: its parameters, strictly. A mistyped name must not be answered as if it were not there."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.requests import Request

from slo.clock import parse_time
from slo.errors import UsageError
from slo.http.problem import bad_request
from slo.objective import group_id

_MOST_PARAMETERS = 100
_LONGEST_VALUE = 1000

Parameters = Mapping[str, tuple[str, ...]]


def parameters(request: Request, allowed: Collection[str]) -> Parameters:
    """The query, each name with its values in order. Raises the 400 of a name that means nothing here."""
    found = _parsed(request.scope["query_string"])
    for name in found:
        if name not in allowed:
            raise bad_request(f"there is no parameter {name[:100]!r}; there are: {', '.join(allowed) or 'none'}")
    return found


def single(found: Parameters, name: str) -> str | None:
    """The value of a parameter that is given at most once."""
    values = found.get(name, ())
    if len(values) > 1:
        raise bad_request(f"{name}: is given more than once")
    return values[0] if values else None


def flag(found: Parameters, name: str) -> bool:
    value = single(found, name)
    if value not in (None, "true", "false"):
        raise bad_request(f"{name}: write true or false")
    return value == "true"


def time_of(found: Parameters, name: str) -> Any:
    """An aware time, or None."""
    value = single(found, name)
    try:
        return None if value is None else parse_time(value)
    except UsageError as error:
        raise bad_request(f"{name}: {error}") from None


def number_of(found: Parameters, name: str, default: int, most: int) -> int:
    """A whole number from 1 on."""
    value = single(found, name)
    if value is None:
        return default
    if not (value.isascii() and value.isdigit() and len(value) < 19 and 1 <= int(value) <= most):
        raise bad_request(f"{name}: write a whole number from 1 to {most}")
    return int(value)


def slo_of(request: Request, found: Parameters) -> str:
    """The id of /…/{service}/{name}?group=label=value."""
    group = []
    for text in found.get("group", ()):
        label, equals, value = text.partition("=")
        if not equals or not label:
            raise bad_request("group: write group=LABEL=VALUE")
        group.append((label, value))
    path = request.path_params
    return group_id(f"{path['service']}/{path['name']}", tuple(group))


async def json_object(request: Request) -> dict[str, Any]:
    """The body, which is a JSON object."""
    try:
        found = orjson.loads(await request.body() or b"{}")
    except orjson.JSONDecodeError as error:
        raise bad_request(f"the body is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise bad_request("the body is not a JSON object")
    return found


def takes_gzip(request: Request) -> bool:
    """Whether the caller reads compressed answers (RFC 9110, 12.5.3)."""
    for part in request.headers.get("accept-encoding", "").split(","):
        name, _, weight = part.strip().lower().partition(";")
        if name.strip() in ("gzip", "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


@lru_cache(maxsize=4096)
def _parsed(query: bytes) -> Parameters:
    try:
        pairs = parse_qsl(
            query.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MOST_PARAMETERS,
        )
    except UnicodeDecodeError:
        raise bad_request("the query is not UTF-8") from None
    except ValueError:
        raise bad_request(f"there are more than {_MOST_PARAMETERS} parameters") from None
    found: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        if len(value) > _LONGEST_VALUE or "\0" in value:
            raise bad_request(f"{name[:100]}: is over {_LONGEST_VALUE} characters, or has a zero among them")
        found[name] = (*found.get(name, ()), value)
    return found
