"""Label files: read, and refused with the line of every mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from slo.clock import format_time
from slo.errors import SpecError, UsageError
from slo.spec.labels import Label, read_labels
from slo.window import datetime_of

CSV = """\
start,end,slo,name
2026-10-03T14:00:00Z,2026-10-03T14:41:00Z,shop/availability,"bad release, rolled back"

2026-10-03T16:00:00+02:00,2026-10-03T16:30:00+02:00,shop/latency,
2026-10-01T00:00:00Z,2026-10-01T01:00:00Z,,
"""
YAML = """\
- {start: 2026-10-03T14:00:00Z, end: 2026-10-03T14:41:00Z, slo: shop/availability, name: "bad release, rolled back"}
- start: 2026-10-03T16:00:00+02:00
  end: 2026-10-03T16:30:00+02:00
  slo: shop/latency
- {start: 2026-10-01T00:00:00Z, end: 2026-10-01T01:00:00Z}
"""


def read(folder: Path, text: str, name: str = "labels.csv") -> tuple[Label, ...]:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return read_labels(path)


def problems(folder: Path, text: str, name: str = "labels.csv") -> list[tuple[int, str]]:
    with pytest.raises(SpecError) as raised:
        read(folder, text, name)
    return [(problem.line, problem.message) for problem in raised.value.problems]


@pytest.mark.parametrize(("text", "name"), [(CSV, "labels.csv"), (YAML, "labels.yaml"), (YAML, "labels.yml")])
def test_both_forms_say_the_same_and_come_in_the_order_of_time(tmp_path: Path, text: str, name: str) -> None:
    labels = read(tmp_path, text, name)
    assert [(label.slo, label.name) for label in labels] == [
        ("", ""),
        ("shop/latency", ""),
        ("shop/availability", "bad release, rolled back"),
    ]
    assert format_time(datetime_of(labels[1].interval.start)) == "2026-10-03T14:00:00Z"
    assert [label.interval.minutes for label in labels] == [60, 30, 41]


def test_a_label_without_an_id_concerns_every_objective(tmp_path: Path) -> None:
    labels = read(tmp_path, CSV)
    assert [label.concerns("shop/latency") for label in labels] == [True, True, False]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("2026-10-05T00:00:00,2026-10-05T01:00:00Z,,", "the time '2026-10-05T00:00:00' has no zone"),
        ("2026-10-05T02:00:00Z,2026-10-05T01:00:00Z,,", "the end 2026-10-05T01:00:00Z is not at least a minute after"),
        ("2026-10-05T01:00:00Z,2026-10-05T01:00:00Z,,", "is not at least a minute after the start"),
        ("yesterday,2026-10-05T01:00:00Z,,", "'yesterday' is not a time"),
        (",2026-10-05T01:00:00Z,,", "a time is expected here"),
        ("2026-10-05T00:00:00Z,2026-10-05T01:00:00Z", "2 cells below 4 columns"),
        ("2026-10-01T00:30:00Z,2026-10-01T02:00:00Z,shop/latency,", "overlaps with line 5, 2026-10-01T00:00:00Z to"),
        ("2026-10-03T14:40:00Z,2026-10-03T15:00:00Z,shop/availability,", "overlaps with line 2"),
    ],
)
def test_a_wrong_row_is_told_with_its_line(tmp_path: Path, row: str, message: str) -> None:
    ((line, told),) = problems(tmp_path, f"{CSV}{row}\n")
    assert line == 6
    assert message in told


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    rows = "2026-10-05T00:00:00,2026-10-05T01:00:00Z,,\n2026-10-05T02:00:00Z,2026-10-05T01:00:00Z,,\n"
    assert [line for line, _ in problems(tmp_path, CSV + rows)] == [6, 7]


def test_labels_that_touch_or_are_of_two_objectives_do_not_overlap(tmp_path: Path) -> None:
    rows = "2026-10-01T01:00:00Z,2026-10-01T02:00:00Z,,\n2026-10-03T14:10:00Z,2026-10-03T14:20:00Z,shop/other,\n"
    assert len(read(tmp_path, CSV + rows)) == 5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("from,to\n", "there is no column 'start'; the first line names the columns: start,end"),
        ("start,end,why\n", "unknown column 'why'"),
        ("start,end,end\n", "a column is named twice"),
        ("", "there is no column 'start'"),
        ('start,end\n"2026', "this is not CSV"),
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path: Path, text: str, message: str) -> None:
    ((_, told),) = problems(tmp_path, text)
    assert message in told


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("- {start: 2026-10-05T00:00:00, end: 2026-10-05T01:00:00Z}\n", 1, "has no zone"),
        ("- start: 2026-10-05T02:00:00Z\n  end: 2026-10-05T01:00:00Z\n", 1, "is not at least a minute after"),
        ("- start: 2026-10-05T02:00:00Z\n  ends: 2026-10-05T03:00:00Z\n", 2, "did you mean 'end'?"),
        ("start: 2026-10-05T02:00:00Z\n", 1, "a list is expected here"),
        (f"{YAML}- {{start: 2026-10-01T00:59:00Z, end: 2026-10-01T02:00:00Z}}\n", 6, "overlaps with line 5"),
    ],
)
def test_yaml_is_refused_at_its_place(tmp_path: Path, text: str, line: int, message: str) -> None:
    told = problems(tmp_path, text, "labels.yaml")
    assert any(at == line and message in what for at, what in told), told


def test_other_files_and_missing_ones_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"labels are read from \.csv, \.yaml or \.yml files"):
        read(tmp_path, "", "labels.txt")
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_labels(tmp_path / "absent.csv")
