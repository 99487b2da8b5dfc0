"""What `slo chaos run` ends in, one report or refusal after the other: for people, for programs, and as files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from slo.chaos.report import RunReport, report_document, report_text
from slo.chaos.runs import Refused
from slo.chaos.telling import plan_document, plan_text
from slo.errors import UsageError
from slo.whole_file import whole_file

End = RunReport | Refused


def document_of(end: End) -> dict[str, Any]:
    """For JSON."""
    if isinstance(end, Refused):
        return plan_document(end.plan, end.refusals)
    return report_document(end)


def text_of(end: End, output: str) -> str:
    """output: "json" for one line of it, else for people."""
    if output == "json":
        return json.dumps(document_of(end), allow_nan=False) + "\n"
    return plan_text(end.plan, end.refusals, looked=True) if isinstance(end, Refused) else report_text(end)


def is_passed(end: End) -> bool:
    """Whether it is a run of this call, and went as it should."""
    return isinstance(end, RunReport) and end.is_passed and not end.recovered


def check_place(file: Path) -> None:
    """Raises UsageError where no report could be written, before there is anything to report."""
    if not os.access(file.parent, os.W_OK | os.X_OK) or file.is_dir():
        raise UsageError(f"--report: {file}: cannot be written; name a file in a folder that is there")


def keep(end: End, file: Path) -> str:
    """Why it could not be written, "" if it was. A run that somebody else had left is kept beside, by its id."""
    place = file
    if isinstance(end, RunReport) and end.recovered:
        place = file.with_name(f"{file.stem}-{end.record.run}{file.suffix}")
    try:
        with whole_file(place) as opened:
            opened.write(json.dumps(document_of(end), allow_nan=False, indent=2).encode() + b"\n")
    except (UsageError, ValueError) as error:
        return str(error)
    return ""
