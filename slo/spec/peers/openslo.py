"""OpenSLO v1, and what of v1alpha is in use."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from slo.promql.text import selector_text
from slo.spec.peers.draft import Draft, Drafts, Reading, filled, items, mapping
from slo.spec.peers.query import Events, Share, ratio_of, read_events, read_query
from slo.spec.places import Path

EXTRA = "slo.objective/extra"
"""The annotation that holds, as JSON, what OpenSLO cannot say."""

_UNITS = {"d": "day", "w": "week", "M": "month", "Q": "quarter", "Y": "year"}
_DAYS = {"m": "m", "h": "h", "d": "d", "w": "w"}
_LONG_UNITS = {"minute": "m", "hour": "h", "day": "d", "week": "w", "month": "M", "quarter": "Q", "year": "Y"}
_OPS = {"lte": "<=", "lt": "<", "gte": ">=", "gt": ">"}


def is_openslo(data: Any) -> bool:
    return str(mapping(data).get("apiVersion", "")).startswith("openslo")


def read_openslo(reading: Reading, indicators: Mapping[str, Any]) -> Drafts:
    """The objectives of one SLO document; indicators: the specs of the SLI documents among all files, by name."""
    data = mapping(reading.document.data)
    kind = str(data.get("kind", ""))
    if kind in ("SLI", "Service", "DataSource"):
        return  # read where an SLO refers to it, or nothing in it is lost
    if kind != "SLO":
        reading.lose(("kind",), f"a document of kind {kind[:40]!r} is not carried over: alerts are those of the policy")
        return
    metadata, spec = mapping(data.get("metadata")), mapping(data.get("spec"))
    known = {"service", "description", "indicator", "indicatorRef", "timeWindow", "timeWindows", "budgetingMethod"}
    reading.unknown(("spec",), spec, known | {"objectives", "alertPolicies"})
    if items(spec.get("alertPolicies")):
        reading.lose(("spec", "alertPolicies"), "alert policies are not carried over; alerts are those of sre-workbook")
    entries = items(spec.get("objectives"))
    for index, entry in enumerate(entries):
        where: Path = ("spec", "objectives", index)
        try:
            yield _objective(reading, metadata, spec, (where, mapping(entry), len(entries) > 1), indicators)
        except ValueError as error:
            reading.lose(where, f"this objective is not carried over: {error}")
    if not entries:
        reading.lose(("spec", "objectives"), "there is no objective in it")


def _objective(
    reading: Reading, metadata: Any, spec: Any, one: tuple[Path, Any, bool], indicators: Mapping[str, Any]
) -> Draft:
    where, entry, is_one_of_several = one
    extra = _extra(reading, metadata)
    name = str(metadata.get("name", ""))
    if is_one_of_several:
        name = f"{name}-{entry.get('displayName') or where[-1]}"
    sli, groups = _sli(entry, spec, indicators)
    made = {
        "name": reading.name(("metadata", "name"), name),
        "description": spec.get("description"),
        "target": _target(entry),
        "window": _window(reading, spec),
        "labels": reading.labels(("metadata", "labels"), _plain(metadata.get("labels"))),
        "group_by": list(groups),
        "time_slices": _slices(spec, entry),
        "sli": sli,
    }
    service = reading.name(("spec", "service"), spec.get("service"))
    draft = Draft(service, filled(made), dict(mapping(extra.get("alerting"))))
    _put_back(draft, extra)
    return draft


def _extra(reading: Reading, metadata: Any) -> Mapping[str, Any]:
    text = mapping(metadata.get("annotations")).get(EXTRA)
    if text is None:
        return {}
    try:
        found = json.loads(text)
    except (TypeError, ValueError):
        reading.lose(("metadata", "annotations", EXTRA), "this is no JSON; it is left out")
        return {}
    return mapping(found)


def _put_back(draft: Draft, extra: Mapping[str, Any]) -> None:
    """What an export noted of an objective beyond OpenSLO."""
    for key, value in extra.items():
        if key == "good_when" and "probe" in draft.entry["sli"]:
            draft.entry["sli"]["probe"]["good_when"] = value
        elif key == "empty" and "time_slices" in draft.entry:
            draft.entry["time_slices"]["empty"] = value
        elif key == "window":
            draft.entry["window"] = value
        elif key in ("min_coverage", "min_observed", "max_groups", "prometheus", "group_by"):
            draft.entry[key] = value


def _sli(entry: Any, spec: Any, indicators: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    given = entry if "indicator" in entry or "indicatorRef" in entry else spec
    if ratios := mapping(entry.get("ratioMetrics")):  # v1alpha
        return _ratio(ratios)
    if "indicatorRef" in given:
        reference = str(given["indicatorRef"])
        if reference not in indicators:
            raise ValueError(f"the SLI {reference[:60]!r} is in none of the files")
        indicator = mapping(indicators[reference])
    else:
        indicator = mapping(mapping(given.get("indicator")).get("spec"))
    if "ratioMetric" in indicator:
        return _ratio(mapping(indicator["ratioMetric"]))
    if "thresholdMetric" in indicator:
        return _threshold(mapping(indicator["thresholdMetric"]), entry), ()
    raise ValueError("it has no indicator")


def _ratio(metric: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    if "raw" in metric:
        share = read_query(_query(metric["raw"]))
        if not isinstance(share, Share):
            raise ValueError("the raw metric is no ratio of two counts")
        is_failure = str(metric.get("rawType", "success")) == "failure"
        return ratio_of(share.part, share.whole, is_bad=is_failure is not share.is_complement)
    if ("good" in metric) == ("bad" in metric):
        raise ValueError("its ratio names neither or both of good and bad")
    part = "bad" if "bad" in metric else "good"
    return ratio_of(read_query(_query(metric[part])), read_events(_query(metric.get("total"))), is_bad=part == "bad")


def _threshold(metric: Any, entry: Any) -> dict[str, Any]:
    """A gauge of which each sample is compared."""
    query = read_query(_query(metric))
    op = _OPS.get(str(entry.get("op", "")))
    if not isinstance(query, Events) or op is None or "value" not in entry:
        raise ValueError("a threshold needs one series, op and value")
    return {"probe": {"series": selector_text(query.selector), "good_when": f"{op} {entry['value']}"}}


def _query(metric: Any) -> str:
    entry = mapping(metric)
    if "query" in entry:  # v1alpha
        return str(entry["query"])
    spec = mapping(mapping(entry.get("metricSource")).get("spec"))
    for key in ("query", "promql", "promQL", "expr"):
        if isinstance(spec.get(key), str):
            return str(spec[key])
    raise ValueError("its metric source has no query in PromQL (metricSource.spec.query)")


def _target(entry: Any) -> str:
    if "targetPercent" in entry:
        return f"{entry['targetPercent']}%"
    if "target" not in entry:
        raise ValueError("it has no target")
    return str(entry["target"])


def _slices(spec: Any, entry: Any) -> dict[str, Any]:
    method = str(spec.get("budgetingMethod", "Occurrences"))
    if method == "Occurrences":
        return {}
    if method != "Timeslices":
        raise ValueError(f"the budgeting method {method[:40]!r} has no counterpart")
    if "timeSliceTarget" not in entry or "timeSliceWindow" not in entry:
        raise ValueError("time slices need timeSliceTarget and timeSliceWindow")
    return {"length": str(entry["timeSliceWindow"]), "target": str(entry["timeSliceTarget"]), "empty": "good"}


def _window(reading: Reading, spec: Any) -> Any:
    where: Path = ("spec", "timeWindow")
    windows = items(spec.get("timeWindow")) or items(spec.get("timeWindows"))
    if len(windows) != 1:
        raise ValueError("it needs one time window")
    window = mapping(windows[0])
    text = str(window.get("duration", ""))
    if "unit" in window:  # v1alpha
        text = f"{window.get('count', 1)}{_LONG_UNITS.get(str(window['unit']).lower(), '?')}"
    found = re.fullmatch(r"(\d{1,7})([mhdwMQY])", text)
    if found is None:
        raise ValueError(f"the window {text[:40]!r} is no duration")
    count, unit = int(found[1]), found[2]
    calendar = mapping(window.get("calendar"))
    if str(window.get("isRolling", "false" if calendar else "true")).lower() != "true":
        return _calendar(reading, where, (count, unit), calendar)
    if unit in "MQY":
        days = {"M": 30, "Q": 90, "Y": 365}[unit] * count
        reading.lose(where, f"a rolling window of {text} becomes {days} days")
        return f"{days}d"
    return f"{count}{unit}"


def _calendar(reading: Reading, where: Path, length: tuple[int, str], calendar: Any) -> dict[str, str]:
    count, unit = length
    if unit == "m":
        reading.lose(where, "1m is a minute by the specification; with a calendar it is taken for a month, 1M")
        unit = "M"
    if count != 1 or unit not in _UNITS:
        raise ValueError("a calendar window is one day, week, month, quarter or year")
    start = str(calendar.get("startTime", ""))
    if start and not re.search(r"[ T]00:00(:00)?\b|^\d{4}-\d\d-\d\d$", start):
        reading.lose(where, f"the start {start[:40]!r} is not carried over: calendar windows begin at midnight")
    return {"calendar": _UNITS[unit], "time_zone": str(calendar.get("timeZone", "UTC"))}


def _plain(labels: Any) -> dict[str, Any]:
    """OpenSLO's labels may be lists: those of one value are texts."""
    return {
        name: value[0] if isinstance(value, list) and len(value) == 1 else value
        for name, value in mapping(labels).items()
    }


def indicators_in(documents: Iterator[Any]) -> dict[str, Any]:
    """The specs of all SLI documents by name."""
    found = {}
    for data in documents:
        if is_openslo(data) and mapping(data).get("kind") == "SLI":
            found[str(mapping(mapping(data).get("metadata")).get("name"))] = mapping(data).get("spec")
    return found
