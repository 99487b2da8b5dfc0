"""The analysing commands as they are called, on event files of known truth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from slo.cli import run
from slo.events import EventSeries

OBJECTIVES = """\
service: shop
objectives:
  - name: availability
    target: 99.9%
    window: 30d
    group_by: [service]
    sli:
      ratio: {bad: 'errors_total', total: 'requests_total'}
gates:
  - name: deploy
    objectives: [shop/availability]
    min_budget_remaining: 25%
    max_burn_rate: {1h: 2}
    max_data_age: 5m
    on_unknown: allow
"""


def write_objectives(folder: Path) -> Path:
    path = folder / "objectives.yaml"
    path.write_text(OBJECTIVES, encoding="utf-8")
    return path


def write_events(folder: Path, parts: dict[str, EventSeries]) -> Path:
    """An event file with a row for each minute and service."""
    frames = []
    for service, events in parts.items():
        minutes = np.arange(events.start + 1, events.end + 1)
        frames.append(
            pd.DataFrame(
                {
                    "time": minutes * 60,
                    "service": service,
                    "bad": np.diff(events.bad),
                    "total": np.diff(events.bad + events.good),
                }
            )
        )
    path = folder / "events.parquet"
    pd.concat(frames).to_parquet(path)
    return path


def called(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of one command line."""
    code = run([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def answered(capsys: pytest.CaptureFixture[str], *arguments: object) -> Any:
    """The document of a command that succeeds with `-o json`."""
    code, out, err = called(capsys, *arguments, "-o", "json")
    assert (code, err) == (0, "")
    return json.loads(out)
