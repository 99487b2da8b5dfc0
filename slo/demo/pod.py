"""One pod of the demo shop: its counters, and the HTTP server on the loopback interface that exposes them."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder

from slo.demo.traffic import Request

NAMESPACE = "cloudshop-prod"
SERVICE = "frontend"
BUCKETS = (0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.5)
"""0.3 is the threshold of the latency objective in examples/cloudshop.yaml."""

_LABELS = {"namespace": NAMESPACE, "service": SERVICE}
_CLIENT_TIMEOUT_SECONDS = 10.0


class Pod:
    """Serves /metrics on 127.0.0.1 from the moment that it is made; port 0 takes one that is free."""

    def __init__(self, *, port: int, started_at: float, lock: threading.Lock) -> None:
        self._lock = lock
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "http_requests_total", "Requests answered.", [*_LABELS, "status"], registry=self._registry
        )
        durations = Histogram(
            "http_request_duration_seconds",
            "Time to answer a request.",
            list(_LABELS),
            buckets=BUCKETS,
            registry=self._registry,
        )
        self._durations = durations.labels(**_LABELS)
        self._probe = Gauge("probe_success", "Whether the front page was reached.", registry=self._registry)
        self._probe.set(1)
        started = Gauge("process_start_time_seconds", "When the pod started.", registry=self._registry)
        started.set(started_at)
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.pod = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="pod", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/metrics"

    def handle(self, request: Request) -> None:
        """Count one request; the caller holds the lock."""
        self._requests.labels(**_LABELS, status="500" if request.is_bad else "200").inc()
        self._durations.observe(request.seconds)

    def exposed(self, accept: str) -> tuple[bytes, str]:
        """The body of an answer, never with half a request in it, and its content type."""
        encode, content_type = choose_encoder(accept)
        with self._lock:
            return encode(self._registry), content_type

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    pod: Pod


class _Handler(BaseHTTPRequestHandler):
    timeout = _CLIENT_TIMEOUT_SECONDS

    def do_GET(self) -> None:
        assert isinstance(self.server, _Server)
        if self.path.partition("?")[0] != "/metrics":
            self.send_error(404, "the metrics are at /metrics")
            return
        body, content_type = self.server.pod.exposed(self.headers.get("Accept", ""))
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that http.server gives it
        """Say nothing: a scrape every few seconds is no news."""
