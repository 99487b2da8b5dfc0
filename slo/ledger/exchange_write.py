"""Counts written to a Parquet or CSV file: one row for each minute of each series, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from slo.errors import UsageError
from slo.ledger.exchange import PROVENANCE_WORDS, SeriesRows
from slo.whole_file import whole_file

SUFFIXES = (".parquet", ".csv")

_TIME = pa.timestamp("s", tz="UTC")
_FIELDS: tuple[tuple[str, Any], ...] = (
    ("slo", pa.string()),
    ("epoch", pa.int32()),
    ("epoch_since", _TIME),
    ("indicator", pa.string()),
    ("labels", pa.string()),
    ("start", _TIME),
    ("good", pa.int64()),
    ("bad", pa.int64()),
    ("covered", pa.int16()),
    ("provenance", pa.string()),
    ("target", pa.string()),
    ("window", pa.string()),
)
_TIMES = ("epoch_since", "start")
_ROWS_AT_ONCE = 50_000
_ROWS_OF_A_GROUP = 250_000


def write_rows(path: Path, series: Iterable[SeriesRows]) -> int:
    """Write the rows beside the file and then put them in its place; how many. Raises UsageError."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"{path}: the name ends in {suffix or 'nothing'}; give a .parquet or a .csv file")
    written = 0
    with whole_file(path) as file, _writer(file, suffix) as write:
        for table in _gathered(table for rows in series for table in _tables(rows)):
            write(table)
            written += table.num_rows
    return written


@contextmanager
def _writer(file: BinaryIO, suffix: str) -> Iterator[Any]:
    schema = pa.schema(list(_FIELDS), metadata={"slo.ledger": "1"})
    if suffix == ".parquet":
        with pq.ParquetWriter(file, schema, compression="zstd") as parquet:
            yield lambda table: parquet.write_table(table.cast(schema))
        return
    texts = pa.schema([(name, pa.string() if name in _TIMES else kind) for name, kind in _FIELDS])
    with pyarrow.csv.CSVWriter(file, texts) as csv:
        yield lambda table: csv.write_table(_with_times_as_text(table).cast(texts))


def _tables(rows: SeriesRows) -> Iterator[Any]:
    """The rows in pieces: a column that says the same of each minute is long once written out."""
    since = np.array([promise.since for promise in rows.promises], np.int64)
    targets = pa.array(["", *(promise.target for promise in rows.promises)], pa.string())
    periods = pa.array(["", *(promise.period for promise in rows.promises)], pa.string())
    for low in range(0, rows.start.size, _ROWS_AT_ONCE):
        part = slice(low, low + _ROWS_AT_ONCE)
        start = rows.start[part]
        in_force = pa.array(np.searchsorted(since, start, side="right"))
        words = pa.array([PROVENANCE_WORDS[code] for code in PROVENANCE_WORDS], pa.string())
        columns = {
            "slo": pa.repeat(rows.epoch.slo, start.size),
            "epoch": pa.repeat(pa.scalar(rows.epoch.number, pa.int32()), start.size),
            "epoch_since": pa.repeat(pa.scalar(rows.epoch.since * 60, pa.int64()).cast(_TIME), start.size),
            "indicator": pa.repeat(rows.epoch.indicator, start.size),
            "labels": pa.repeat(rows.labels, start.size),
            "start": pa.array(start * 60).cast(_TIME),
            "good": pa.array(rows.good[part]),
            "bad": pa.array(rows.bad[part]),
            "covered": pa.array(rows.covered[part]),
            "provenance": words.take(pa.array(rows.provenance[part])),
            "target": targets.take(in_force),
            "window": periods.take(in_force),
        }
        yield pa.table(columns)


def _gathered(tables: Iterable[Any]) -> Iterator[Any]:
    """Small tables joined, so that a Parquet file has few row groups; at least one table, for the header."""
    waiting: list[Any] = [pa.schema(list(_FIELDS)).empty_table()]
    for table in tables:
        waiting.append(table)
        if sum(one.num_rows for one in waiting) >= _ROWS_OF_A_GROUP:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)


def _with_times_as_text(table: Any) -> Any:
    for name in _TIMES:
        # Without a zone: strftime would otherwise look for a zone database, and the times are UTC.
        plain = table.column(name).cast(pa.int64()).cast(pa.timestamp("s"))
        text = pc.strftime(plain, format="%Y-%m-%dT%H:%M:%SZ")
        table = table.set_column(table.schema.get_field_index(name), name, text)
    return table
