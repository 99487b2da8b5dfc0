"""The tables [prometheus.NAME] of the settings: which servers there are, and how to be let in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from slo.errors import UsageError
from slo.redaction import without_password
from slo.source.server import Server

UNNAMED = "default"
"""The table of the server without a name."""

_KEYS = ("url", "urls", "headers", "bearer_token_file", "basic_auth", "tls", "lag_seconds")
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?", re.ASCII)
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)
_RESERVED_HEADERS = ("authorization", "connection", "content-length", "content-type", "host", "transfer-encoding")


def check_prometheus_url(url: str, place: str) -> str:
    """The URL, if it is one that a Prometheus can be asked at. place: what to name in the error."""
    if not re.match(r"https?://[^/\s?#]", url.strip(), re.IGNORECASE):
        raise UsageError(f"{place}: {without_password(url)!r} is no address; write one such as http://prometheus:9090")
    return url.strip()


def read_servers(tables: object, file: Path) -> dict[str, Server]:
    """The servers by name, "" for the one of [prometheus.default]. Raises UsageError, naming file and key."""
    place = f"{file}: prometheus"
    if not isinstance(tables, dict):
        raise UsageError(f"{place}: write a table for each server, such as [prometheus.eu]")
    servers = {}
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise UsageError(f"{place}.{name}: write a table, such as [prometheus.eu] and its url below it")
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"{place}.{name}: a name has at most 63 of a-z, 0-9, - and _, and begins and ends with one of a-z, 0-9"
            )
        server = _server("" if name == UNNAMED else name, table, file.parent, f"{place}.{name}")
        servers[server.name] = server
    return servers


def _server(name: str, table: Mapping[str, Any], folder: Path, place: str) -> Server:
    _known(table, _KEYS, place)
    basic = _table(table, "basic_auth", ("username", "password_file"), place)
    tls = _table(table, "tls", ("ca_file", "cert_file", "key_file"), place)
    urls = _urls(table, place)
    if "bearer_token_file" in table and basic:
        raise UsageError(f"{place}: bearer_token_file and basic_auth exclude each other: keep one")
    if basic and len(basic) < 2:
        raise UsageError(f"{place}.basic_auth: write both username and password_file")
    if ("cert_file" in tls) != ("key_file" in tls):
        raise UsageError(f"{place}.tls: write both cert_file and key_file, or neither")
    if tls and any(urlsplit(url).scheme.lower() != "https" for url in urls):
        raise UsageError(f"{place}.tls: is of no use with an address that is not https://")
    if (basic or "bearer_token_file" in table) and any("@" in urlsplit(url).netloc for url in urls):
        raise UsageError(f"{place}: the address holds credentials as well: take them out of it")
    return Server(
        name=name,
        urls=urls,
        headers=_headers(table.get("headers", {}), f"{place}.headers"),
        bearer_token_file=_path(table, "bearer_token_file", folder, place),
        username=_username(basic, f"{place}.basic_auth"),
        password_file=_path(basic, "password_file", folder, f"{place}.basic_auth"),
        ca_file=_path(tls, "ca_file", folder, f"{place}.tls"),
        cert_file=_path(tls, "cert_file", folder, f"{place}.tls"),
        key_file=_path(tls, "key_file", folder, f"{place}.tls"),
        lag_seconds=_lag(table.get("lag_seconds"), f"{place}.lag_seconds"),
        place=place,
    )


def _known(table: Mapping[str, Any], keys: tuple[str, ...], place: str) -> None:
    for key in table:
        if key not in keys:
            raise UsageError(f"{place}: unknown setting {key!r}; there are: {', '.join(keys)}")


def _table(table: Mapping[str, Any], key: str, keys: tuple[str, ...], place: str) -> dict[str, Any]:
    inner = table.get(key, {})
    if not isinstance(inner, dict) or (key in table and not inner):
        raise UsageError(f"{place}.{key}: write a table with {', '.join(keys)}")
    _known(inner, keys, f"{place}.{key}")
    return inner


def _urls(table: Mapping[str, Any], place: str) -> tuple[str, ...]:
    if ("url" in table) == ("urls" in table):
        raise UsageError(f"{place}: write either url, or urls with the replicas of one pair")
    key = "url" if "url" in table else "urls"
    found = [table["url"]] if key == "url" else table["urls"]
    if not isinstance(found, list) or not found or not all(isinstance(url, str) for url in found):
        form = 'an address as text, such as "http://a:9090"' if key == "url" else 'a list such as ["http://a:9090"]'
        raise UsageError(f"{place}.{key}: write {form}")
    urls = tuple(check_prometheus_url(url, f"{place}.{key}").rstrip("/") for url in found)
    if len(set(urls)) < len(urls):
        raise UsageError(f"{place}.{key}: an address stands here twice")
    return urls


def _headers(value: object, place: str) -> Mapping[str, str]:
    if not isinstance(value, dict):
        raise UsageError(f'{place}: write a table, such as {{"X-Scope-OrgID" = "shop"}}')
    for name, content in value.items():
        if not _HEADER.fullmatch(name):
            raise UsageError(f"{place}: {name!r} is no name of a header")
        if name.lower() == "authorization":
            raise UsageError(f"{place}.{name}: is not set here; use bearer_token_file or basic_auth")
        if name.lower() in _RESERVED_HEADERS:
            raise UsageError(f"{place}.{name}: is set by the tool and cannot be chosen")
        if not isinstance(content, str) or not content.isprintable() or not content.isascii():
            raise UsageError(f"{place}.{name}: write its value as one line of plain ASCII text")
        if content != content.strip():
            raise UsageError(f"{place}.{name}: its value begins or ends with a space")
    return MappingProxyType(dict(value))


def _path(table: Mapping[str, Any], key: str, folder: Path, place: str) -> Path | None:
    if key not in table:
        return None
    value = table[key]
    if not isinstance(value, str) or not value or "\0" in value:
        raise UsageError(f"{place}.{key}: write the path of a file as text")
    return folder / value


def _username(basic: Mapping[str, Any], place: str) -> str | None:
    if not basic:
        return None
    username = basic["username"]
    if not isinstance(username, str) or not username or ":" in username or not username.isprintable():
        raise UsageError(f"{place}.username: write a name as text, without a colon")
    return username


def _lag(value: object, place: str) -> float | None:
    if value is None:
        return None
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not isfinite(value) or not 0 <= value <= 3600:  # type: ignore[arg-type, operator]
        raise UsageError(f"{place}: write a number of seconds from 0 to 3600")
    return float(value)  # type: ignore[arg-type]
