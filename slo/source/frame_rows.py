"""Rows of counted events out of a Parquet or CSV file or a data frame: checked, as arrays, nothing placed yet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from slo.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MAX_COUNT = 2.0**53
"""Over this, float64 no longer tells neighbouring whole numbers apart."""
_YEAR_3000_MS = 32_503_680_000_000
_COUNTED = {"time", "bad", "good", "total", "coverage"}
_RFC3339 = r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?"
_ZONE = r"(?:[Zz]|[+-]\d\d:?\d\d)"
_ZONE_CURE = "write RFC 3339 times with a zone, such as 2026-11-01T00:00:00Z, or epoch seconds"


@dataclass(frozen=True, slots=True, eq=False)
class EventRows:
    """Checked rows, each array of shape (rows,): `times_ms` since the epoch at which the step of the row ended.

    others: every further column (`slo` and labels) as text, an absent label as the empty text.
    """

    name: str
    times_ms: Integers
    bad: Floats
    total: Floats
    coverage: Floats
    others: dict[str, npt.NDArray[np.object_]]


def read_frame(path: Path) -> pd.DataFrame:
    """The raw frame of a .parquet or .csv file. Raises DataError for whatever is wrong with the file."""
    import pandas as pd

    suffix = path.suffix.lower()
    if suffix not in (".csv", ".parquet"):
        raise DataError(f"{path}: the name ends in {suffix or 'nothing'}; give a .parquet or a .csv file")
    try:
        if suffix == ".parquet":
            return pd.read_parquet(path, engine="pyarrow")
        # The header is read as a row, as pandas would silently rename repeated columns.
        table = pd.read_csv(path, dtype=str, keep_default_na=False, header=None, encoding="utf-8-sig")
        return table.iloc[1:].reset_index(drop=True).set_axis(table.iloc[0].to_list(), axis="columns")
    except OSError as error:
        # pyarrow reports broken files as OSError without an errno.
        raise DataError(f"{path}: cannot be read: {error.strerror or _first_line(error)}") from None
    except pd.errors.EmptyDataError:
        raise DataError(f"{path}: is empty; the first line names the columns: time, bad, total") from None
    except (ValueError, NotImplementedError, OverflowError) as error:
        kind = "a Parquet file" if suffix == ".parquet" else "a CSV file in UTF-8"
        raise DataError(f"{path}: is not {kind}: {_first_line(error)}") from None


def checked_rows(frame: pd.DataFrame, name: str) -> EventRows:
    """The rows of a frame. Raises DataError that names the source, the row (from 1) and the cure."""
    if "time" not in frame.columns and frame.index.name == "time":
        frame = frame.reset_index()
    frame = frame.rename(columns=lambda column: str(column).strip())
    columns = [str(column) for column in frame.columns]
    _check_columns(columns, name)
    if not len(frame):
        raise DataError(f"{name}: has no rows; each row holds the events of the step that ends at its time")
    bad, total = _bad_and_total({c: _counts(frame[c], name, c) for c in ("bad", "good", "total") if c in columns}, name)
    others = {column: _texts(frame[column]) for column in columns if column not in _COUNTED}
    if "slo" in others:
        _refuse(others["slo"] == "", name, "slo is empty", "write the id of an objective, such as shop/availability")
    return EventRows(
        name=name,
        times_ms=_times_ms(frame["time"], name),
        bad=bad,
        total=total,
        coverage=_coverage(frame["coverage"], name) if "coverage" in columns else np.ones(len(frame)),
        others=others,
    )


def _check_columns(columns: list[str], name: str) -> None:
    found = ", ".join(columns[:20]) + (f" and {len(columns) - 20} more" if len(columns) > 20 else "") or "none"
    repeated = sorted({column for column in columns if columns.count(column) > 1})
    if repeated:
        raise DataError(f"{name}: has the column {repeated[0]!r} more than once; found: {found}")
    if "time" not in columns:
        raise DataError(f"{name}: has no column 'time'; found: {found}")
    if len({"bad", "good", "total"} & set(columns)) < 2:
        raise DataError(f"{name}: needs two of the columns 'bad', 'good' and 'total'; found: {found}")


def _bad_and_total(counts: dict[str, Floats], name: str) -> tuple[Floats, Floats]:
    if "total" not in counts:
        return counts["bad"], counts["bad"] + counts["good"]
    total = counts["total"]
    for part in ("bad", "good"):
        if part in counts:
            _refuse(counts[part] > total, name, f"{part} is more than total", "every event counts in total too")
    if "bad" not in counts:
        return total - counts["good"], total
    if "good" in counts:
        differs = ~np.isclose(counts["good"] + counts["bad"], total, rtol=1e-9, atol=1e-9)
        _refuse(differs, name, "good + bad is not total", "leave one of the three columns out")
    return counts["bad"], total


def _counts(column: pd.Series[Any], name: str, title: str) -> Floats:
    values = _numbers(column)
    cure = "write a number of events, 0 or more"
    _refuse(np.isnan(values), name, f"{title} is not a number", cure, column)
    _refuse(np.isinf(values), name, f"{title} is infinite", cure, column)
    _refuse(values < 0, name, f"{title} is negative", cure, column)
    _refuse(values > MAX_COUNT, name, f"{title} is too large to count exactly", "give events per step", column)
    return values


def _coverage(column: pd.Series[Any], name: str) -> Floats:
    values = _numbers(column)
    outside = ~((values >= 0) & (values <= 1))
    _refuse(outside, name, "coverage is not in [0, 1]", "write the share of the step that was seen", column)
    return values


def _numbers(column: pd.Series[Any]) -> Floats:
    """Values as floats, NaN where there is no number; true and false are no numbers."""
    import pandas as pd

    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
        return np.full(len(column), np.nan)
    return np.asarray(pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan))


def _times_ms(column: pd.Series[Any], name: str) -> Integers:
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(column):
        times_ms = _zoned_ms(column, name)
    elif pd.api.types.is_numeric_dtype(column) or not np.isnan(_numbers(column.iloc[:1])).any():
        seconds = _numbers(column)
        _refuse(~np.isfinite(seconds), name, "time is not epoch seconds as in the first row", _ZONE_CURE, column)
        times_ms = np.rint(np.clip(seconds, -1, _YEAR_3000_MS) * 1000).astype(np.int64)
    else:
        times_ms = _zoned_ms(_parsed_times(column, name), name)
    beyond = (times_ms < 0) | (times_ms > _YEAR_3000_MS)
    _refuse(beyond, name, "time is not between 1970 and 3000", "epoch times are in seconds, not milliseconds", column)
    return times_ms


def _zoned_ms(column: pd.Series[Any], name: str) -> Integers:
    if column.dt.tz is None:
        raise DataError(f"{name}: the times have no zone; {_ZONE_CURE}")
    _refuse(column.isna().to_numpy(), name, "time is missing", _ZONE_CURE)
    return np.asarray(column.dt.tz_convert("UTC").dt.as_unit("ms").astype("int64").to_numpy(np.int64))


def _parsed_times(column: pd.Series[Any], name: str) -> pd.Series[Any]:
    import pandas as pd

    texts = column.astype(str)
    naive = texts.str.fullmatch(_RFC3339).to_numpy(bool)
    _refuse(naive, name, "time has no zone", _ZONE_CURE, column)
    wrong = ~texts.str.fullmatch(_RFC3339 + _ZONE).to_numpy(bool)
    _refuse(wrong, name, "time is not a time", _ZONE_CURE, column)
    times = pd.to_datetime(texts, utc=True, format="ISO8601", errors="coerce")
    _refuse(times.isna().to_numpy(), name, "time is not a time", _ZONE_CURE, column)
    return times


def _texts(column: pd.Series[Any]) -> npt.NDArray[np.object_]:
    return np.asarray(column.astype(object).where(column.notna(), "").map(str).to_numpy(object))


def _refuse(
    wrong: npt.NDArray[np.bool_], name: str, problem: str, cure: str, column: pd.Series[Any] | None = None
) -> None:
    """Raise DataError for the first row that is wrong."""
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        value = "" if column is None else f" ({str(column.iloc[row])[:40]!r})"
        raise DataError(f"{name}: row {row + 1}: {problem}{value}; {cure}")


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
