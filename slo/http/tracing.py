"""Traces by OpenTelemetry, where an endpoint is set; else nothing of it is imported."""

from __future__ import annotations

import os
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from slo.errors import UsageError

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def traced(app: ASGIApp, tracer: Any = None) -> ASGIApp:
    """The app with a span for each request where the environment names an endpoint (or a tracer is given).

    Raises UsageError where the packages for it are missing.
    """
    if tracer is None:
        if not any(os.environ.get(name) for name in _ENDPOINTS):
            return app
        tracer = _tracer()
    return _Traced(app, tracer)


class _Traced:
    """One span a request, child of the caller's where it says so; without anything that a caller wrote freely."""

    def __init__(self, app: ASGIApp, tracer: Any) -> None:
        from opentelemetry.trace import SpanKind, Status, StatusCode
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._app, self._tracer = app, tracer
        self._kind, self._failed = SpanKind.SERVER, Status(StatusCode.ERROR)
        self._extract = TraceContextTextMapPropagator().extract

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        carrier = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        method = scope["method"]
        with self._tracer.start_as_current_span(method, context=self._extract(carrier), kind=self._kind) as span:

            async def noted(message: Message) -> None:
                if message["type"] == "http.response.start":
                    self._describe(span, scope, method, message)
                await send(message)

            await self._app(scope, receive, noted)

    def _describe(self, span: Any, scope: Scope, method: str, message: Message) -> None:
        """By the names of OpenTelemetry's semantic conventions for HTTP."""
        headers = dict(message["headers"])
        span.set_attribute("http.request.method", method)
        span.set_attribute("http.response.status_code", message["status"])
        span.set_attribute("slo.request_id", headers.get(b"x-request-id", b"").decode("latin-1"))
        route = scope.get("slo.route") or getattr(scope.get("route"), "path", None)
        if route:
            span.set_attribute("http.route", route)
            span.update_name(f"{method} {route}")
        for header, attribute in ((b"slo-decision", "slo.decision"), (b"slo-decision-id", "slo.decision_id")):
            if header in headers:
                span.set_attribute(attribute, headers[header].decode("latin-1"))
        if message["status"] >= 500:
            span.set_status(self._failed)


def _tracer() -> Any:
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise UsageError("traces need more packages: pip install 'slo[telemetry]'") from None
    resource = Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", "slo")})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider.get_tracer("slo")
