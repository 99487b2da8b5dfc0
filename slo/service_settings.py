"""Settings of the service: where it listens, who may ask, and how much.

A variable SLO_PORT that holds an address is passed over: Kubernetes sets one in every pod beside a Service named slo.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from slo.errors import UsageError
from slo.units import parse_duration

ANONYMOUS_ROLES = ("none", "read", "decide")
SERVICE_KEYS = (
    "host",
    "port",
    "plain_port",
    "tokens",
    "anonymous",
    "tls_cert",
    "tls_key",
    "client_ca",
    "allowed_hosts",
    "max_override",
    "writes_per_second",
    "access_log",
)
SERVICE_PATHS = ("tokens", "tls_cert", "tls_key", "client_ca")
"""Keys that name a file."""

Values = Mapping[str, tuple[object, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """anonymous: the role of callers without a token, None where nothing says so."""

    host: str = "127.0.0.1"
    port: int = 8080
    plain_port: int | None = None
    tokens: Path | None = None
    anonymous: str | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    client_ca: Path | None = None
    allowed_hosts: tuple[str, ...] = ()
    max_override_seconds: float = 86_400.0
    writes_per_second: float = 100.0
    access_log: bool = False


def read_service_settings(values: Values) -> ServiceSettings:
    """Raises UsageError that names the place."""
    defaults = ServiceSettings()
    return ServiceSettings(
        host=_text(values, "host") or defaults.host,
        port=_port(values, defaults.port),
        plain_port=check_port(*values["plain_port"]) if "plain_port" in values else None,
        tokens=_path(values, "tokens"),
        anonymous=_anonymous(values),
        tls_cert=_path(values, "tls_cert"),
        tls_key=_path(values, "tls_key"),
        client_ca=_path(values, "client_ca"),
        allowed_hosts=_hosts(values),
        max_override_seconds=_seconds(values, "max_override", defaults.max_override_seconds),
        writes_per_second=_rate(values, defaults.writes_per_second),
        access_log=_flag(values, "access_log"),
    )


def check_anonymous(value: object, place: str) -> str:
    """One of ANONYMOUS_ROLES."""
    if value not in ANONYMOUS_ROLES:
        raise UsageError(f"{place}: {value!r} is none of {', '.join(ANONYMOUS_ROLES)}")
    return str(value)


def check_port(value: object, place: str) -> int:
    """A port, 0 for a free one."""
    text = str(value)
    if isinstance(value, bool) or not (text.isascii() and text.isdigit() and int(text) <= 65_535):
        raise UsageError(f"{place}: {value!r} is no port; write a number such as 8080")
    return int(text)


def _text(values: Values, key: str) -> str | None:
    value, place = values.get(key, (None, ""))
    if value is not None and not isinstance(value, str):
        raise UsageError(f"{place}: write a text")
    return value


def _path(values: Values, key: str) -> Path | None:
    text = _text(values, key)
    return Path(text) if text else None


def _port(values: Values, default: int) -> int:
    value, place = values.get("port", (default, ""))
    if place == "SLO_PORT" and isinstance(value, str) and value.startswith("tcp://"):
        return default
    return check_port(value, place)


def _anonymous(values: Values) -> str | None:
    return check_anonymous(*values["anonymous"]) if "anonymous" in values else None


def _hosts(values: Values) -> tuple[str, ...]:
    value, place = values.get("allowed_hosts", ((), ""))
    hosts = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
    if not isinstance(hosts, Sequence) or not all(isinstance(host, str) and host for host in hosts):
        raise UsageError(f'{place}: write a list of names, such as ["slo.example.com"]')
    return tuple(hosts)


def _seconds(values: Values, key: str, default: float) -> float:
    if key not in values:
        return default
    value, place = values[key]
    try:
        return float(parse_duration(str(value)))
    except ValueError as error:
        raise UsageError(f"{place}: {error}") from None


def _rate(values: Values, default: float) -> float:
    value, place = values.get("writes_per_second", (default, ""))
    try:
        rate = float(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else math.nan
    except ValueError:
        rate = math.nan
    if not 0 < rate < math.inf:
        raise UsageError(f"{place}: {value!r} is not a number over 0, such as 100")
    return rate


def _flag(values: Values, key: str) -> bool:
    value, place = values.get(key, (False, ""))
    if str(value).lower() not in ("true", "false"):
        raise UsageError(f"{place}: write true or false")
    return str(value).lower() == "true"
