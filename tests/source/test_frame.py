"""Tables of counted events: where each row's events go, and every way in which a table can be wrong."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from slo.alert_policy import AlertPolicy, WindowPair
from slo.errors import DataError
from slo.events import EventSeries
from slo.objective import Objective, RatioSLI
from slo.selector import Selector
from slo.source.frame import FrameSource
from slo.source.protocol import Measured
from slo.window import Interval, RollingWindow, datetime_of, minute_of

END = "2026-11-01T00:00:00Z"
AT = minute_of(pd.Timestamp(END).to_pydatetime())
DAY = Interval(AT - 1440, AT)


def objective(name: str = "availability", group_by: tuple[str, ...] = (), max_groups: int = 200) -> Objective:
    pair = WindowPair(severity="page", long_minutes=60, short_minutes=5, budget_share=Fraction(1, 50))
    return Objective(
        service="shop",
        name=name,
        target_ratio=Decimal("0.999"),
        window=RollingWindow(1440),
        sli=RatioSLI(total=Selector("all"), bad=Selector("bad")),
        alert_policy=AlertPolicy(name="one", pairs=(pair,)),
        group_by=group_by,
        max_groups=max_groups,
    )


def measured(frame: pd.DataFrame, one: Objective | None = None, interval: Interval = DAY) -> Measured:
    wanted = one or objective()
    answer = FrameSource(frame).events([wanted], [interval], lambda share: None)[wanted.id]
    assert isinstance(answer, Measured)
    return answer


def whole(frame: pd.DataFrame, interval: Interval = DAY) -> EventSeries:
    return measured(frame, interval=interval).groups[()]


def times(count: int, freq: str, end: str = END) -> pd.DatetimeIndex:
    return pd.date_range(end=end, periods=count, freq=freq)


def per_minute(events: EventSeries, back: int) -> tuple[int, int, float]:
    """Good, bad and coverage of the minute that ended `back` minutes before AT."""
    counts = events.within(Interval(AT - back - 1, AT - back))
    return counts.good, counts.bad, counts.covered_minutes


def test_a_row_of_five_minutes_is_spread_over_the_five_minutes_that_end_at_its_time() -> None:
    events = whole(pd.DataFrame({"time": times(3, "5min"), "bad": [0, 0, 5], "total": [100, 100, 100]}))
    assert [per_minute(events, back) for back in (0, 4, 5)] == [(19, 1, 1.0), (19, 1, 1.0), (20, 0, 1.0)]
    assert events.observed == Interval(AT - 15, AT)


def test_rows_finer_than_a_minute_are_added_into_the_minute_that_they_end_in() -> None:
    events = whole(pd.DataFrame({"time": times(8, "15s"), "bad": [1] * 8, "total": [10] * 8}))
    assert per_minute(events, 0) == (36, 4, 1.0)
    assert per_minute(events, 1) == (36, 4, 1.0)


def test_no_event_is_lost_when_counts_do_not_divide_by_the_minutes() -> None:
    rng = np.random.default_rng(7)
    total = rng.integers(0, 50, 96)
    bad = rng.integers(0, total + 1)
    counts = whole(pd.DataFrame({"time": times(96, "15min"), "bad": bad, "total": total})).within(DAY)
    assert (counts.bad, counts.total, counts.covered_minutes) == (bad.sum(), total.sum(), 1440)


def test_a_step_without_a_row_was_not_seen() -> None:
    frame = pd.DataFrame({"time": times(24, "1h"), "bad": 0, "total": 60}).drop(index=[3, 4])
    assert whole(frame).within(DAY).covered_minutes == 22 * 60


def test_the_coverage_column_is_the_share_of_the_step_that_was_seen() -> None:
    frame = pd.DataFrame({"time": times(2, "1h"), "bad": 0, "total": 60, "coverage": [1.0, 0.5]})
    assert whole(frame).within(DAY).covered_minutes == 90


def test_good_and_total_or_good_and_bad_say_the_same_as_bad_and_total() -> None:
    rows = {"time": times(2, "1min")}
    frames = [
        pd.DataFrame({**rows, "bad": [1, 2], "total": [10, 10]}),
        pd.DataFrame({**rows, "good": [9, 8], "total": [10, 10]}),
        pd.DataFrame({**rows, "good": [9, 8], "bad": [1, 2]}),
        pd.DataFrame({**rows, "good": [9, 8], "bad": [1, 2], "total": [10, 10]}),
    ]
    assert {whole(frame).within(DAY) for frame in frames} == {whole(frames[0]).within(DAY)}


def test_what_lies_outside_of_the_interval_is_left_out() -> None:
    frame = pd.DataFrame({"time": times(48, "1h"), "bad": 1, "total": 60})
    events = whole(frame, Interval(AT - 120, AT - 60))
    assert (events.start, events.end, events.within(DAY).bad) == (AT - 120, AT - 60, 1)
    assert whole(frame, Interval(0, 1440)).observed is None


def test_groups_are_kept_apart_share_the_coverage_and_sum_to_the_whole() -> None:
    frame = pd.DataFrame(
        {"time": list(times(2, "1min")) * 2, "service": ["a", "a", "b", None], "bad": [1, 0, 0, 1], "total": 10}
    )
    groups = measured(frame, objective(group_by=("service",))).groups
    assert list(groups) == [(), (("service", ""),), (("service", "a"),), (("service", "b"),)]
    assert [groups[key].within(DAY)[1:] for key in groups] == [(2, 2.0), (1, 2.0), (1, 2.0), (0, 2.0)]


def test_of_too_many_groups_those_with_most_events_are_kept_ties_by_name() -> None:
    frame = pd.DataFrame({"time": [END] * 4, "pod": list("abcd"), "bad": 0, "total": [1, 30, 20, 20]})
    answer = measured(frame, objective(group_by=("pod",), max_groups=2))
    assert list(answer.groups) == [(), (("pod", "b"),), (("pod", "c"),)]
    assert [(reason.code, reason.observed, reason.threshold) for reason in answer.reasons] == [("max_groups", 4, 2)]


def test_the_column_slo_tells_objectives_apart_and_one_without_rows_is_empty() -> None:
    frame = pd.DataFrame({"time": [END, END], "slo": ["shop/a", "shop/b"], "bad": [1, 2], "total": 10})
    wanted = [objective("a"), objective("b"), objective("c")]
    found = FrameSource(frame).events(wanted, [DAY] * 3, lambda share: None)
    answers = [answer for answer in found.values() if isinstance(answer, Measured)]
    assert [answer.groups[()].within(DAY).bad for answer in answers] == [1, 2, 0]
    assert answers[2].groups[()].observed is None


def test_without_the_column_slo_two_objectives_cannot_be_told_apart() -> None:
    frame = pd.DataFrame({"time": [END], "bad": [1], "total": [10]})
    found = FrameSource(frame).events([objective("a"), objective("b")], [DAY] * 2, lambda share: None)
    assert all("no column 'slo'" in str(answer) for answer in found.values())


@pytest.mark.parametrize("form", ["csv", "parquet", "epoch.csv", "epoch.parquet", "index.parquet"])
def test_files_of_every_form_hold_the_same_events(form: str, tmp_path: Path) -> None:
    frame = pd.DataFrame({"time": times(24, "1h"), "bad": 1, "total": 60})
    if form.startswith("epoch"):
        frame["time"] = frame["time"].dt.as_unit("s").astype("int64")
    if form.startswith("index"):
        frame = frame.set_index("time")
    path = tmp_path / f"d.{form}"
    frame.to_csv(path, index=False) if form.endswith("csv") else frame.to_parquet(path)
    source = FrameSource.from_file(path)
    assert source.end == datetime_of(AT)
    answer = source.events([objective()], [DAY], lambda share: None)["shop/availability"]
    assert isinstance(answer, Measured)
    assert tuple(answer.groups[()].within(DAY)) == (24 * 59, 24, 1440.0)


def test_another_zone_is_the_same_instant(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text("time,bad,total\n2026-11-01T02:00:00+02:00,1,2\n")
    assert FrameSource.from_file(path).end == datetime_of(AT)


WRONG = {
    "": "is empty",
    "time,bad,total\n": "no rows",
    "zeit,bad,total\n1,0,1\n": "no column 'time'; found: zeit, bad, total",
    f"time,total\n{END},1\n": "two of the columns",
    f"time,bad,bad,total\n{END},1,1,1\n": "row|more than once",
    "time,bad,total\n2026-11-01T00:00:00,0,1\n": "row 1: time has no zone",
    f"time,bad,total\n{END},0,1\nnever,0,1\n": "row 2: time is not a time",
    f"time,bad,total\n{END},0,1\n,0,1\n": "row 2: time is not a time",
    "time,bad,total\n1790000000,0,1\nx,0,1\n": "row 2: time is not epoch seconds",
    "time,bad,total\n1790000000000,0,1\n": "row 1: time is not between",
    "time,bad,total\n2026-02-30T00:00:00Z,0,1\n": "row 1: time is not a time",
    f"time,bad,total\n{END},-1,1\n": "row 1: bad is negative",
    f"time,bad,total\n{END},nan,1\n": "row 1: bad is not a number",
    f"time,bad,total\n{END},,1\n": "row 1: bad is not a number",
    f"time,bad,total\n{END},0,inf\n": "row 1: total is infinite",
    f"time,bad,total\n{END},0,1\n{END},many,1\n": "row 2: bad is not a number",
    f"time,bad,total\n{END},0,1e300\n": "row 1: total is too large",
    f"time,bad,total\n{END},2,1\n": "row 1: bad is more than total",
    f"time,good,total\n{END},2,1\n": "row 1: good is more than total",
    f"time,good,bad,total\n{END},2,1,4\n": "row 1: good \\+ bad is not total",
    f"time,bad,total,coverage\n{END},0,1,1.5\n": "row 1: coverage is not in",
    f"time,bad,total,coverage\n{END},0,1,\n": "row 1: coverage is not in",
    f"time,bad,total,slo\n{END},0,1,\n": "row 1: slo is empty",
    f"time,bad,total\n{END},0,1,2\n": "not a CSV file",
    f"time,bad,total\n{END},0,1\n{END},0,1,2\n": "line 3",
    f"time,bad,total\n{END},0\n": "row 1: total is not a number",
}


@pytest.mark.parametrize("text", WRONG, ids=list(WRONG.values()))
def test_a_wrong_table_is_refused_with_file_row_and_cure(text: str, tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=WRONG[text]) as caught:
        FrameSource.from_file(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize("content", [b"\x00\xff\xfe\x81binary", b"PAR1garbagePAR1", b"\x89PNG\r\n\x1a\n" * 20])
def test_binary_garbage_is_refused(suffix: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"d.{suffix}"
    path.write_bytes(content)
    with pytest.raises(DataError):
        FrameSource.from_file(path)


@pytest.mark.parametrize("name", ["none.csv", "none.parquet", "d.txt", "folder.csv", "folder.parquet"])
def test_a_file_that_cannot_be_read_is_refused(name: str, tmp_path: Path) -> None:
    if name.startswith("folder"):
        (tmp_path / name).mkdir()
    with pytest.raises(DataError, match=name):
        FrameSource.from_file(tmp_path / name)


def test_naive_parquet_times_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "d.parquet"
    pd.DataFrame({"time": pd.to_datetime(["2026-11-01"]), "bad": [0], "total": [1]}).to_parquet(path)
    with pytest.raises(DataError, match="no zone"):
        FrameSource.from_file(path)


def test_truth_values_are_no_counts() -> None:
    with pytest.raises(DataError, match="bad is not a number"):
        FrameSource(pd.DataFrame({"time": [END], "bad": [True], "total": [1]}))


def test_a_missing_label_column_fails_its_objective_alone() -> None:
    frame = pd.DataFrame({"time": [END], "slo": ["shop/a"], "pod": ["x"], "bad": [1], "total": [10]})
    wanted = [objective("a"), objective("a2", group_by=("zone",))]
    found = FrameSource(frame).events(wanted, [DAY] * 2, lambda share: None)
    assert isinstance(found["shop/a"], Measured)
    assert "no column 'zone' to group by; label columns found: pod" in str(found["shop/a2"])


def test_a_lonely_old_row_costs_neither_time_nor_memory() -> None:
    frame = pd.DataFrame({"time": ["1971-01-01T00:00:00Z", "1999-01-01T00:00:00Z", END], "bad": 0, "total": 5})
    assert measured(frame).groups[()].within(DAY).covered_minutes == 1440
