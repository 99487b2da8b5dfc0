"""What the environment and the TOML file say; flags come on top of both, in the command line.

Precedence: SLO_* variables, over the TOML file (SLO_SETTINGS, else ./slo.toml if there is one), over the defaults.
A key of the file is the variable's name without SLO_, in small letters: SLO_PROMETHEUS_URL is prometheus_url. Servers
with names or credentials stand in the file alone: tables [prometheus.NAME], [prometheus.default] for the unnamed one.
Those of chaos runs stand in a table [chaos]: SLO_CHAOS_POLL is its poll.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from slo.chaos_settings import CHAOS_KEYS, ChaosSettings, chaos_table, read_chaos_settings
from slo.errors import UsageError
from slo.server_settings import UNNAMED, read_servers
from slo.server_settings import check_prometheus_url as check_prometheus_url
from slo.service_settings import SERVICE_KEYS, SERVICE_PATHS, ServiceSettings, read_service_settings
from slo.source.server import Server
from slo.units import parse_duration

DEFAULT_FILE = Path("slo.toml")
OUTPUTS = ("table", "json", "csv", "markdown")
_KEYS = (
    "objectives",
    "prometheus_url",
    "timeout_seconds",
    "output",
    "ledger",
    "retention",
    "cycle",
    "record",
    "record_retention",
    "token",
    "grafana_token",
    "notice_webhook",
    "alertmanager_url",
    *SERVICE_KEYS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings that hold where no flag says otherwise. servers: by name, "" for the one without a name."""

    objectives: tuple[Path, ...] = ()
    servers: Mapping[str, Server] = field(default_factory=lambda: MappingProxyType({}))
    timeout_seconds: float = 60.0
    output: str = "table"
    ledger: str | None = None
    retention_minutes: int = 396 * 1440
    cycle_seconds: float = 60.0
    record: str | None = None
    record_retention_seconds: float = 396 * 86_400
    token: str | None = field(default=None, repr=False)
    """For a running service that is asked."""
    grafana_token: str | None = field(default=None, repr=False)
    """For the Grafana that the doctor looks at."""
    notice_webhook: str | None = None
    alertmanager_url: str | None = None
    service: ServiceSettings = field(default_factory=ServiceSettings)
    chaos: ChaosSettings = field(default_factory=ChaosSettings)

    @property
    def prometheus_url(self) -> str | None:
        """The preferred address of the server without a name."""
        return self.servers[""].urls[0] if "" in self.servers else None


def load_settings(environ: Mapping[str, str], file: Path | None = None) -> Settings:
    """The settings in force; file: from a flag, over SLO_SETTINGS. Raises UsageError, naming the wrong place."""
    named = file or (Path(environ["SLO_SETTINGS"]) if environ.get("SLO_SETTINGS") else None)
    values: dict[str, tuple[object, str]] = {}
    if named or DEFAULT_FILE.is_file():
        values.update(_from_file(named or DEFAULT_FILE))
    for key in (*_KEYS, *(f"chaos_{key}" for key in CHAOS_KEYS)):
        variable = f"SLO_{key.upper()}"
        if environ.get(variable):
            value: object = environ[variable]
            values[key] = (_paths_in(environ[variable]) if key == "objectives" else value, variable)
    return _checked(values)


def check_output(value: object, place: str) -> str:
    """One of OUTPUTS."""
    if value not in OUTPUTS:
        raise UsageError(f"{place}: {value!r} is none of {', '.join(OUTPUTS)}")
    return str(value)


def check_timeout(value: object, place: str) -> float:
    """A positive number of seconds."""
    try:
        seconds = float(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else math.nan
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise UsageError(f"{place}: {value!r} is not a number of seconds over 0, such as 60")
    return seconds


def check_duration(value: object, place: str) -> float:
    """Seconds of a duration such as 30d."""
    try:
        return float(parse_duration(str(value)))
    except ValueError as error:
        raise UsageError(f"{place}: {error}") from None


def check_address(value: object, place: str) -> str:
    """An http or https address that something is posted to. The message does not repeat it: it may be a secret."""
    if not isinstance(value, str) or not re.match(r"https?://[^/\s?#]+(?:[/?][^\s#]*)?$", value.strip(), re.IGNORECASE):
        raise UsageError(f"{place}: is no address; write one such as https://hooks.example.com/slo")
    return value.strip()


def _from_file(file: Path) -> dict[str, tuple[object, str]]:
    import tomllib  # only where there is a file: most starts need none

    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{file}: is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{file}: is not TOML: {error}") from None
    unknown = [key for key in values if key not in (*_KEYS, "prometheus", "chaos")]
    if unknown:
        raise UsageError(f"{file}: unknown setting {unknown[0]!r}; there are: {', '.join(_KEYS)}, prometheus, chaos")
    chaos = chaos_table(values.pop("chaos", {}), file)
    if "prometheus" in values:
        values["prometheus"] = read_servers(values["prometheus"], file)
        if "" in values["prometheus"] and "prometheus_url" in values:
            raise UsageError(f"{file}: prometheus_url and [prometheus.{UNNAMED}] exclude each other: keep one")
    if "objectives" in values:
        values["objectives"] = _paths_beside(file, values["objectives"])
    for key in SERVICE_PATHS:
        if isinstance(values.get(key), str):
            values[key] = str(file.parent / values[key])
    return {key: (value, f"{file}: {key}") for key, value in values.items()} | chaos


def _paths_in(text: str) -> list[str]:
    return [part.strip() for part in re.split(f"[,{re.escape(os.pathsep)}]", text) if part.strip()]


def _paths_beside(file: Path, value: object) -> list[str]:
    """Paths of the settings file are relative to it, wherever the command runs."""
    names = _paths_in(value) if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UsageError(f'{file}: objectives: write a list of paths, such as ["objectives.yaml"]')
    return [str(file.parent / name) for name in names]


def _checked(values: Mapping[str, tuple[object, str]]) -> Settings:
    defaults = Settings()
    paths, _ = values.get("objectives", ((), ""))
    timeout, timeout_place = values.get("timeout_seconds", (defaults.timeout_seconds, ""))
    output, output_place = values.get("output", (defaults.output, ""))
    ledger, _ = values.get("ledger", (None, ""))
    retention, retention_place = values.get("retention", ("396d", ""))
    cycle, cycle_place = values.get("cycle", ("1m", ""))
    record, _ = values.get("record", (None, ""))
    token, _ = values.get("token", (None, ""))
    grafana_token, _ = values.get("grafana_token", (None, ""))
    kept, kept_place = values.get("record_retention", ("396d", ""))
    return Settings(
        objectives=tuple(Path(path) for path in paths) if isinstance(paths, Sequence) else (),
        servers=MappingProxyType(_servers(values)),
        timeout_seconds=check_timeout(timeout, timeout_place),
        output=check_output(output, output_place),
        ledger=str(ledger) if ledger else None,
        retention_minutes=round(check_duration(retention, retention_place) / 60),
        cycle_seconds=check_duration(cycle, cycle_place),
        record=str(record) if record else None,
        record_retention_seconds=check_duration(kept, kept_place),
        token=str(token) if token else None,
        grafana_token=str(grafana_token) if grafana_token else None,
        notice_webhook=_address(values, "notice_webhook"),
        alertmanager_url=_address(values, "alertmanager_url"),
        service=read_service_settings(values),
        chaos=read_chaos_settings(values),
    )


def _address(values: Mapping[str, tuple[object, str]], key: str) -> str | None:
    return check_address(*values[key]) if key in values else None


def _servers(values: Mapping[str, tuple[object, str]]) -> dict[str, Server]:
    """An address from a variable stands for the whole unnamed server: credentials of another one do not go there."""
    tables, _ = values.get("prometheus", ({}, ""))
    assert isinstance(tables, dict)
    url, place = values.get("prometheus_url", (None, ""))
    if url is not None and not isinstance(url, str):
        raise UsageError(f'{place}: write an address as text, such as "http://prometheus:9090"')
    return tables | ({"": Server(urls=(check_prometheus_url(url, place),))} if url else {})
