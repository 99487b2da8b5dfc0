"""Asks a Prometheus what Grafana would ask for a dashboard, and shows answers to the precision of its panels."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import requests

ALL = "$__all"
_SPECIAL_OF_PROMETHEUS = re.compile(r"[$^*{}\[\]'+?.()|]")
_SPECIAL_OF_REGEX = re.compile(r"[\\^$*+?.()|\[\]{}/]")
_VARIABLE = re.compile(r"\$\{(\w+)(?::(\w+))?\}|\$(\w+)")


@dataclass(frozen=True)
class Grafana:
    """A Prometheus, the time that is looked at, and the values chosen of variables: a list for those of many."""

    url: str
    at: int
    chosen: Mapping[str, str | Sequence[str]]

    def answer(self, panel: Mapping[str, Any], target: Mapping[str, Any], default_range: str) -> list[dict[str, Any]]:
        """The series, or points of now, that a panel's query gives. Fails where Prometheus does."""
        seconds = _seconds(self.interpolated(panel.get("timeFrom") or default_range))
        step = max(_seconds(target.get("interval", "60s")), seconds // (panel.get("maxDataPoints") or 500))
        expr = self.interpolated(target["expr"], range_seconds=seconds)
        if target["instant"]:
            return self._asked("query", {"query": expr, "time": self.at})
        # Grafana would end at a whole step, which may lie before rules that began just now.
        form = {"query": expr, "start": self.at - seconds // step * step, "end": self.at, "step": step}
        return self._asked("query_range", form)

    def query(self, expr: str) -> list[dict[str, Any]]:
        return self._asked("query", {"query": self.interpolated(expr), "time": self.at})

    def values_of_label(self, query: str) -> list[str]:
        """What the query of a variable offers: `label_values(selector, label)`."""
        found = re.fullmatch(r"label_values\((.+), (\w+)\)", self.interpolated(query))
        assert found, query
        form = {"match[]": found[1], "start": self.at - 3600, "end": self.at}
        answer = requests.get(f"{self.url}/api/v1/label/{found[2]}/values", params=form, timeout=30).json()
        assert answer["status"] == "success", answer
        values: list[str] = answer["data"]
        return values

    def interpolated(self, text: str, range_seconds: int = 3600) -> str:
        """With the values of variables, escaped as Grafana's Prometheus data source and its `regex` format do."""
        fixed = {"__range": f"{range_seconds}s", "__range_s": str(range_seconds), "__rate_interval": "4m"}

        def value(found: re.Match[str]) -> str:
            name, form = found[1] or found[3], found[2]
            if name in fixed:
                return fixed[name]
            chosen = self.chosen[name]
            if isinstance(chosen, str):
                return chosen
            escaped = [_by_regex(one) if form == "regex" else _by_prometheus(one) for one in chosen]
            return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"

        return _VARIABLE.sub(value, text)

    def _asked(self, path: str, form: Mapping[str, Any]) -> list[dict[str, Any]]:
        answer = requests.post(f"{self.url}/api/v1/{path}", data=form, timeout=60).json()
        assert answer["status"] == "success", (form, answer)
        result: list[dict[str, Any]] = answer["data"]["result"]
        return result


def targets(dashboard: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Every panel with each of its queries."""
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield panel, target


def shown(value: float, panel: Mapping[str, Any], slo: str) -> str:
    """A value as a panel writes it, by its unit and the decimals of that objective."""
    looks = dict(panel["fieldConfig"]["defaults"])
    for override in panel["fieldConfig"]["overrides"]:
        if re.fullmatch(override["matcher"]["options"], slo):
            looks |= {one["id"]: one["value"] for one in override["properties"]}
    if looks["unit"] == "percentunit":
        return f"{100 * value:.{looks['decimals']}f}%"
    return f"{value:.{looks['decimals']}f}"


def _by_prometheus(value: str) -> str:
    return _SPECIAL_OF_PROMETHEUS.sub(r"\\\\\g<0>", value.replace("\\", "\\\\\\\\"))


def _by_regex(value: str) -> str:
    return _SPECIAL_OF_REGEX.sub(r"\\\g<0>", value)


def _seconds(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)([smhdw])", text).groups()  # type: ignore[union-attr]
    return int(number) * {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}[unit]
