"""A first objective file, proposed from the series that a Prometheus has: a start to edit, not a judgement."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from slo.errors import DataError
from slo.promql.text import selector_text
from slo.selector import Matcher, MatchOp, Selector
from slo.source.prometheus_api import PrometheusApi
from slo.source.server import Server

_STATUS_LABELS = ("status", "code", "status_code", "http_status_code", "http_response_status_code", "response_code")
_SCOPE_LABELS = ("namespace", "job")
_IDEAL_SECONDS = 0.3
_UNITS = {"_seconds": ("seconds", 1.0), "_milliseconds": ("milliseconds", 0.001), "_ms": ("milliseconds", 0.001)}

_HEAD = """\
# Proposed from the series that {server} has. Read it before you trust it: is each selector what your users feel,
# and is each target what they were promised? `slo validate` checks this file, `slo report` evaluates it.
"""


@dataclass(slots=True)
class _Proposal:
    """Objectives of one service, as YAML blocks by name."""

    blocks: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, block: str) -> None:
        number, unique = 1, name
        while unique in self.blocks:
            number += 1
            unique = f"{name}-{number}"
        self.blocks[unique] = block


def propose_objectives(server: str | Server, *, timeout_seconds: float = 60.0) -> str:
    """YAML text with objectives for request counters that carry a status, duration histograms and probes.

    Of replicas the preferred one is asked.

    Raises SourceError; DataError where the server has none of these.
    """
    known = Server(urls=(server,)) if isinstance(server, str) else server
    api = PrometheusApi.replicas_of(known, timeout_seconds=timeout_seconds)[0]
    services: dict[str, _Proposal] = defaultdict(_Proposal)
    for finder in (_request_counters, _histograms, _probes):
        for service, name, block in finder(api):
            services[service].add(name, block)
    if not services:
        raise DataError(
            f"{api} has no request counter with a status label, no duration histogram and no probe_success "
            "in its last five minutes; write the objective file by hand (see docs/objective-file.md)"
        )
    documents = [_document(service, proposal) for service, proposal in sorted(services.items())]
    return _HEAD.format(server=api) + "---\n".join(documents)


def _document(service: str, proposal: _Proposal) -> str:
    objectives = "".join(f"  - name: {name}\n{block}" for name, block in proposal.blocks.items())
    return f"service: {service}\nobjectives:\n{objectives}alerting: {{policy: sre-workbook}}\n"


def _request_counters(api: PrometheusApi) -> Iterator[tuple[str, str, str]]:
    seen = set()
    for label in _STATUS_LABELS:
        matchers = f'{{__name__=~".+_total",{label}=~"[1-5][0-9x][0-9x]"}}'
        for labels in _label_sets(api, f"count by (__name__, {', '.join(_SCOPE_LABELS)}) ({matchers})"):
            total = _scoped(labels)
            if total in seen:
                continue
            seen.add(total)
            bad = total.where(label, MatchOp.REGEX, "5..")
            yield (
                _service(labels),
                _name("availability", total.metric, usual=("http_requests_total", "http_server_requests_total")),
                (
                    "    target: 99.9%\n    window: 30d\n    sli:\n      ratio:\n"
                    f"        bad: {_quoted(selector_text(bad))}\n        total: {_quoted(selector_text(total))}\n"
                ),
            )


def _histograms(api: PrometheusApi) -> Iterator[tuple[str, str, str]]:
    matchers = '{__name__=~".+(duration|latency|time).*_bucket"}'
    bounds: dict[Selector, set[str]] = defaultdict(set)
    services: dict[Selector, str] = {}
    for labels in _label_sets(api, f"count by (__name__, {', '.join(_SCOPE_LABELS)}, le) ({matchers})"):
        bucket = _scoped(labels)
        histogram = bucket.renamed(bucket.metric.removesuffix("_bucket"))
        bounds[histogram].add(labels.get("le", ""))
        services[histogram] = _service(labels)
    for histogram, found in sorted(bounds.items(), key=lambda item: selector_text(item[0])):
        unit = next((unit for suffix, unit in _UNITS.items() if histogram.metric.endswith(suffix)), None)
        finite = [float(le) for le in found if re.fullmatch(r"[0-9.e+-]+", le) and float(le) > 0]
        if unit is None or not finite:
            continue
        name, seconds_per_unit = unit
        threshold = min(finite, key=lambda le: (abs(le * seconds_per_unit - _IDEAL_SECONDS), le))
        known = ", ".join(f"{le:g}" for le in sorted(finite))
        yield (
            services[histogram],
            _name("latency", histogram.metric, usual=("http_request_duration_seconds",)),
            (
                f"    target: 95%\n    window: 28d\n    # buckets in {name}: {known}\n    sli:\n      latency:\n"
                f"        histogram: {_quoted(selector_text(histogram))}\n"
                f"        threshold: {_milliseconds(threshold * seconds_per_unit)}\n        unit: {name}\n"
            ),
        )


def _probes(api: PrometheusApi) -> Iterator[tuple[str, str, str]]:
    for labels in _label_sets(api, f"count by (__name__, {', '.join(_SCOPE_LABELS)}) (probe_success)"):
        series = _scoped(labels)
        yield (
            _service(labels),
            "reachable",
            (
                "    target: 99.5%\n    window: 7d\n    sli:\n      probe:\n"
                f"        series: {_quoted(selector_text(series))}\n        good_when: '== 1'\n"
            ),
        )


def _label_sets(api: PrometheusApi, query: str) -> list[dict[str, str]]:
    """The label sets of an instant query's result, in a stable order."""
    data = api.post("/api/v1/query", {"query": query})["data"]
    return sorted((one["metric"] for one in data["result"]), key=lambda labels: sorted(labels.items()))


def _scoped(labels: dict[str, str]) -> Selector:
    scope = (Matcher(label, MatchOp.EQUAL, labels[label]) for label in _SCOPE_LABELS if label in labels)
    return Selector(labels["__name__"], frozenset(scope))


def _service(labels: dict[str, str]) -> str:
    """A valid service name from the job."""
    name = re.sub(r"[^a-z0-9]+", "-", labels.get("job", "service").lower()).strip("-")
    return name[:63].rstrip("-") or "service"


def _name(kind: str, metric: str, *, usual: tuple[str, ...]) -> str:
    """The kind alone for the usual metric, else told apart by the metric's name."""
    if metric in usual:
        return kind
    stem = re.sub(r"_(total|seconds|milliseconds|ms)$", "", metric)
    return f"{re.sub(r'[^a-z0-9]+', '-', stem.lower()).strip('-')[:50]}-{kind}"


def _milliseconds(seconds: float) -> str:
    milliseconds = round(seconds * 1000)
    return f"{milliseconds // 1000}s" if milliseconds % 1000 == 0 else f"{milliseconds}ms"


def _quoted(text: str) -> str:
    """A YAML scalar for any text: JSON strings are YAML strings."""
    return "'" + text + "'" if text.isprintable() and "'" not in text else json.dumps(text)
