"""One body of a target's /metrics as samples, in the Prometheus text format or in OpenMetrics.

A body is written by somebody else: every limit here keeps a broken or hostile one from costing more than its scrape.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from prometheus_client import parser as text_parser
from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.samples import Sample

from slo.errors import DataError

OPENMETRICS = "application/openmetrics-text"
TEXT = "text/plain"


class ExposedSample(NamedTuple):
    """A sample under the name that Prometheus would store; time: its own in ms since the epoch, mostly None."""

    name: str
    labels: dict[str, str]
    value: float
    time: int | None


@dataclass(frozen=True, slots=True)
class Limits:
    """What one scrape may cost. line_characters also bounds the parser, which is quadratic in a line's quotes."""

    body_bytes: int = 10 * 1024 * 1024
    line_characters: int = 16 * 1024
    series: int = 50_000
    parse_seconds: float = 15.0


def parse_exposition(body: bytes, content_type: str, limits: Limits | None = None) -> list[ExposedSample]:
    """The samples of a body, in its order, all or none. Raises DataError with the line that is at fault."""
    is_openmetrics = _is_openmetrics(content_type)
    lines = _Lines(body, limits or Limits(), keep_comments=is_openmetrics)
    # Typed as Any: prometheus_client asks for a TextIO and only iterates over it.
    parse: Callable[[Any], Iterable[Any]] = (
        openmetrics_parser.text_fd_to_metric_families if is_openmetrics else text_parser.text_fd_to_metric_families
    )
    try:
        return [
            _exposed(sample) for family in parse(lines) for sample in family.samples if sample.native_histogram is None
        ]
    except DataError:
        raise
    except UnicodeDecodeError:
        raise DataError(f"line {lines.number + 1} or one soon after is not UTF-8") from None
    except Exception as error:  # the parsers raise whatever garbage leads them to: KeyError, IndexError, TypeError
        message = str(error)[:120] or type(error).__name__
        raise DataError(f"line {lines.number} cannot be parsed: {message!r}") from None


def _is_openmetrics(content_type: str) -> bool:
    """The format by its media type; a body that names none is taken for text, as hand-written exporters mean it."""
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type not in ("", TEXT, OPENMETRICS):
        raise DataError(f"{media_type[:60]!r} is not a format of metrics; serve {TEXT} or {OPENMETRICS}")
    return media_type == OPENMETRICS


class _Lines:
    """The lines of a body for the parsers, within limits.

    Without comments the text parser does not know types, and so does not rename counters that lack a `_total`.
    """

    def __init__(self, body: bytes, limits: Limits, *, keep_comments: bool) -> None:
        self.number = 0
        self._body = body
        self._limits = limits
        self._keep_comments = keep_comments
        self._deadline = time.monotonic() + limits.parse_seconds

    def __iter__(self) -> Iterator[str]:
        samples = 0
        for line in io.TextIOWrapper(io.BytesIO(self._body), encoding="utf-8", newline="\n"):
            self.number += 1
            self._check(line)
            is_comment = line.lstrip().startswith("#")
            samples += not is_comment and not line.isspace()
            if samples > self._limits.series:
                raise DataError(f"more than {self._limits.series} series; expose fewer, or scrape with a Prometheus")
            if self._keep_comments or not is_comment:
                yield line

    def _check(self, line: str) -> None:
        if len(line) > self._limits.line_characters:
            raise DataError(f"line {self.number} is longer than {self._limits.line_characters} characters")
        if not line.endswith("\n") and line != "# EOF":
            # What is cut short may be a number, and a counter that falls would be counted as a restart.
            raise DataError(f"line {self.number}, the last, has no end; the body was cut short")
        if time.monotonic() > self._deadline:
            raise DataError(f"parsing took longer than {self._limits.parse_seconds:g} s")


def _exposed(sample: Sample) -> ExposedSample:
    own = None if sample.timestamp is None else round(float(sample.timestamp) * 1000)
    return ExposedSample(sample.name, sample.labels, float(sample.value), own)
