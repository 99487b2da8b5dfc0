"""Log lines of the service on standard error: JSON for machines, one readable line on a terminal. Never a secret."""

from __future__ import annotations

import logging
import sys
from typing import TextIO

import orjson

from slo.clock import format_time, utc_now
from slo.redaction import without_password
from slo.render.text import printable


class JSONLines(logging.Formatter):
    """One object a line; `fields` of the record become members."""

    def format(self, record: logging.LogRecord) -> str:
        document: dict[str, object] = {
            "at": format_time(utc_now()),
            "level": record.levelname.lower(),
            "message": without_password(record.getMessage()),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            document["trace"] = without_password(self.formatException(record.exc_info))
        return orjson.dumps(document, default=str).decode()


class ReadableLines(logging.Formatter):
    """For a person at a terminal, whom no request can send control characters."""

    def format(self, record: logging.LogRecord) -> str:
        fields = "".join(f" {name}={value}" for name, value in getattr(record, "fields", {}).items())
        text = f"slo: {printable(without_password(record.getMessage() + fields))}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


def log_to(stream: TextIO = sys.stderr) -> None:
    """The log of the service and of its server, on this stream."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(ReadableLines() if stream.isatty() else JSONLines())
    for name, level in (("slo", logging.INFO), ("uvicorn", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)
