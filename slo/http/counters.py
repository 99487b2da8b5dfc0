"""What the service counts about itself, and the text of /metrics.

Counted in plain dictionaries: a counter of a metrics library costs more than answering from memory does.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping

_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_METHODS = frozenset({"GET", "HEAD", "POST", "DELETE"})


class Requests:
    """Requests by route, method and status, and how long they took by route; others' words never become labels."""

    def __init__(self) -> None:
        self._total: Counter[tuple[str, str, int]] = Counter()
        self._took: defaultdict[str, list[float]] = defaultdict(lambda: [0.0] * (len(_BOUNDS) + 2))

    def count(self, route: str, method: str, status: int, seconds: float) -> None:
        self._total[route, method if method in _METHODS else "other", status] += 1
        took = self._took[route]
        took[bisect_left(_BOUNDS, seconds)] += 1
        took[-1] += seconds

    def lines(self) -> Iterator[str]:
        """Text exposition."""
        yield from family("slo_http_requests_total", "counter", "Requests answered, by status.")
        for (route, method, status), count in sorted(self._total.items()):
            labels = {"route": route, "method": method, "status": str(status)}
            yield sample("slo_http_requests_total", labels, count)
        name = "slo_http_request_duration_seconds"
        yield from family(name, "histogram", "From the request's head to the end of the answer.")
        for route, took in sorted(self._took.items()):
            reached = 0.0
            for bound, number in zip((*map(str, _BOUNDS), "+Inf"), took[:-1], strict=True):
                reached += number
                yield sample(f"{name}_bucket", {"route": route, "le": bound}, int(reached))
            yield sample(f"{name}_count", {"route": route}, int(reached))
            yield sample(f"{name}_sum", {"route": route}, round(took[-1], 6))


def family(name: str, kind: str, help_text: str) -> tuple[str, str]:
    return f"# HELP {name} {help_text}", f"# TYPE {name} {kind}"


def sample(name: str, labels: Mapping[str, str], value: float) -> str:
    inside = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
    return f"{name}{{{inside}}} {value}" if inside else f"{name} {value}"


def process_lines() -> Iterable[str]:
    """CPU, memory, files and start of this process, as every client library names them."""
    from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    return generate_latest(registry).decode().splitlines()


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
