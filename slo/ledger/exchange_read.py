"""Counts out of a Parquet or CSV file, checked row by row, a part at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from slo.errors import UsageError
from slo.ledger.exchange import PROVENANCE_WORDS, Integers
from slo.ledger.stretch import FULL, Codes, Covered, Provenance
from slo.ledger.text import group_of, labels_of
from slo.units import parse_ratio

REQUIRED = ("slo", "start", "good", "bad")
OPTIONAL = ("epoch", "epoch_since", "indicator", "labels", "covered", "provenance", "target", "window")

_ROWS_AT_ONCE = 200_000
_WORDS = {word: code for code, word in PROVENANCE_WORDS.items()}
_RFC3339 = r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.0+)?(?:[Zz]|[+-]\d\d:\d\d)"
_YEAR_3000 = 32_503_680_000 // 60

Texts = npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True, eq=False)
class FileRows:
    """Checked rows in the order of the file, each array of shape (rows,); None for a column that it does not have.

    first_row: the number of the first of them, counted from 1; start, epoch_since: in minutes since 1970.
    """

    name: str
    first_row: int
    slo: Texts
    start: Integers
    good: Integers
    bad: Integers
    covered: Covered
    provenance: Codes
    labels: Texts
    epoch: Integers | None
    epoch_since: Integers | None
    indicator: Texts | None
    target: Texts | None
    window: Texts | None


def read_rows(path: Path) -> Iterator[FileRows]:
    """The rows of the file, a part at a time. Raises UsageError that names the row and the cure."""
    read, suffix = 0, path.suffix.lower()
    if suffix not in (".csv", ".parquet"):
        raise UsageError(f"{path}: the name ends in {suffix or 'nothing'}; give a .parquet or a .csv file")
    try:
        for frame in _parquet(path) if suffix == ".parquet" else _csv(path):
            if not read:
                _check_columns([str(column) for column in frame.columns], str(path))
            if len(frame):
                yield _checked(frame, _Place(str(path), read + 1))
            read += len(frame)
    except pd.errors.EmptyDataError:
        raise UsageError(f"{path}: is empty; the first line names the columns: {', '.join(REQUIRED)}") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or _first_line(error)}") from None
    except (ValueError, NotImplementedError, OverflowError) as error:
        kind = "a Parquet file" if suffix == ".parquet" else "a CSV file in UTF-8"
        raise UsageError(f"{path}: is not {kind}: {_first_line(error)}") from None


def _parquet(path: Path) -> Iterator[pd.DataFrame]:
    with path.open("rb") as content, pq.ParquetFile(content) as file:
        yield file.schema_arrow.empty_table().to_pandas()
        for batch in file.iter_batches(_ROWS_AT_ONCE):
            yield pa.table(batch).to_pandas()


def _csv(path: Path) -> Iterator[pd.DataFrame]:
    with pd.read_csv(
        path, dtype=str, keep_default_na=False, encoding="utf-8-sig", chunksize=_ROWS_AT_ONCE, index_col=False
    ) as chunks:
        yield from (chunk.fillna("") for chunk in chunks)


def _check_columns(columns: list[str], name: str) -> None:
    found = ", ".join(columns[:20]) or "none"
    for column in REQUIRED:
        if column not in columns:
            raise UsageError(f"{name}: has no column {column!r}; found: {found}")
    for column in columns:
        if column not in (*REQUIRED, *OPTIONAL):
            raise UsageError(f"{name}: has a column {column!r}, which means nothing here; remove it")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a part of the file begins, for what is said of its rows."""

    name: str
    first_row: int

    def refuse(self, wrong: npt.NDArray[np.bool_], problem: str, cure: str, column: pd.Series[Any]) -> None:
        """Raise UsageError for the first row that is wrong."""
        if wrong.any():
            at = int(np.flatnonzero(wrong)[0])
            value = str(column.iloc[at])[:40]
            raise UsageError(f"{self.name}: row {self.first_row + at}: {problem} ({value!r}); {cure}")


def _checked(frame: pd.DataFrame, place: _Place) -> FileRows:
    count = len(frame)
    columns = {name: frame[name] for name in (*REQUIRED, *OPTIONAL) if name in frame.columns}
    slo = _texts(columns["slo"])
    place.refuse(slo == "", "slo is empty", "write the id of an objective, such as shop/availability", columns["slo"])
    covered = np.full(count, FULL, np.int16)
    if "covered" in columns:
        covered = _whole(columns["covered"], place, "a number of thousandths from 0 to 1000", most=FULL).astype(
            np.int16
        )
    provenance = np.full(count, Provenance.IMPORTED, np.uint8)
    if "provenance" in columns:
        provenance = _provenances(columns["provenance"], place)
    if "target" in columns:
        _check_each(columns["target"], place, _target_problem, "a ratio over 0 and at most 1, such as 0.999")
    labels = np.full(count, "", object)
    if "labels" in columns:
        _check_each(columns["labels"], place, _labels_problem, 'label and value pairs, such as [["service","cart"]]')
        labels = _texts(columns["labels"])
    events = "a whole number of events, 0 or more"
    return FileRows(
        name=place.name,
        first_row=place.first_row,
        slo=slo,
        start=_minutes(columns["start"], place),
        good=_whole(columns["good"], place, events),
        bad=_whole(columns["bad"], place, events),
        covered=covered,
        provenance=provenance,
        labels=labels,
        epoch=_whole(columns["epoch"], place, "the number of an epoch", most=2**31 - 1) if "epoch" in columns else None,
        epoch_since=_minutes(columns["epoch_since"], place) if "epoch_since" in columns else None,
        indicator=_texts(columns["indicator"]) if "indicator" in columns else None,
        target=_texts(columns["target"]) if "target" in columns else None,
        window=_texts(columns["window"]) if "window" in columns else None,
    )


def _texts(column: pd.Series[Any]) -> Texts:
    return np.asarray(column.astype(object).where(column.notna(), "").map(str).to_numpy(object))


def _whole(column: pd.Series[Any], place: _Place, form: str, most: int = 2**53) -> Integers:
    """Whole numbers from 0; over 2**53 floats, which counters are, no longer tell neighbours apart."""
    problem, cure = f"{column.name} is wrong", f"write {form}"
    if not pd.api.types.is_integer_dtype(column) or column.isna().any():
        texts = pd.Series(_texts(column), dtype=object)
        place.refuse(~texts.str.fullmatch(r"\d{1,18}(?:\.0)?").to_numpy(bool), problem, cure, column)
        column = texts.str.removesuffix(".0").astype("int64")
    outside = ((column < 0) | (column > most)).to_numpy(bool)
    place.refuse(outside, problem, cure, column)
    return np.asarray(column.to_numpy(np.int64))


def _minutes(column: pd.Series[Any], place: _Place) -> Integers:
    title, cure = column.name, "write RFC 3339 times with a zone, such as 2026-11-01T00:00:00Z"
    times = column
    if not isinstance(column.dtype, pd.DatetimeTZDtype):
        texts = pd.Series(_texts(column), dtype=object)
        place.refuse(~texts.str.fullmatch(_RFC3339).to_numpy(bool), f"{title} is not a time", cure, column)
        times = pd.to_datetime(texts, utc=True, format="ISO8601", errors="coerce")
    place.refuse(times.isna().to_numpy(bool), f"{title} is not a time", cure, column)
    ms = times.dt.tz_convert("UTC").dt.as_unit("ms").astype("int64").to_numpy(np.int64)
    place.refuse(ms % 60_000 != 0, f"{title} is within a minute", "a row holds a whole minute", column)
    minutes = ms // 60_000
    outside = (minutes < 0) | (minutes > _YEAR_3000)
    place.refuse(outside, f"{title} is not between 1970 and 3000", cure, column)
    return np.asarray(minutes)


def _provenances(column: pd.Series[Any], place: _Place) -> Codes:
    codes = pd.Series(_texts(column), dtype=object).map(_WORDS)
    unknown = codes.isna().to_numpy(bool)
    place.refuse(unknown, "provenance is unknown", f"write one of {', '.join(_WORDS)}", column)
    return np.asarray(codes.to_numpy(np.uint8))


def _check_each(column: pd.Series[Any], place: _Place, is_wrong: Any, form: str) -> None:
    """Texts of which there are few different ones."""
    texts = pd.Series(_texts(column), dtype=object)
    wrong = [text for text in texts.unique() if text and is_wrong(text)]
    place.refuse(texts.isin(wrong).to_numpy(bool), f"{column.name} is wrong", f"write {form}", column)


def _target_problem(text: str) -> bool:
    try:
        return not 0 < parse_ratio(text) <= 1
    except ValueError:
        return True


def _labels_problem(text: str) -> bool:
    try:
        group = group_of(text)
        return labels_of(group) != text or not all(isinstance(part, str) for pair in group for part in pair)
    except (ValueError, TypeError):
        return True


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
