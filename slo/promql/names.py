"""Names in PromQL: which need no quotes, and which labels the project sets itself."""

from __future__ import annotations

import re

_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*", re.ASCII)
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)

METRIC_LABEL = "__name__"

# Set on recorded series (slo, slo_service, window) and on alerts; another value under such a name would be lost.
RESERVED_LABELS = frozenset({"slo", "slo_service", "window", "alertname", "severity", "long_window", "short_window"})


def is_metric_name(text: str) -> bool:
    """Whether a metric may stand in PromQL without quotes."""
    return _METRIC.fullmatch(text) is not None


def is_label_name(text: str) -> bool:
    """Whether a label may stand in PromQL without quotes."""
    return _LABEL.fullmatch(text) is not None
