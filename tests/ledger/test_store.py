"""What is written into a ledger is what is read from it, in SQLite and in PostgreSQL alike."""

from __future__ import annotations

import numpy as np
import pytest
from sqlalchemy import Connection, text

from slo.coverage import Coverage
from slo.errors import LedgerError
from slo.ledger import schema
from slo.ledger.checkpoint import Checkpoint
from slo.ledger.store import Epoch, Gap, Ledger, Promise, Write
from slo.ledger.stretch import Provenance, Stretch
from slo.ledger.totals import Totals
from slo.objective import Group
from slo.samples import Cursors, SeriesCursor, Target, TargetCursor
from slo.source.query_plan import Role
from slo.window import Interval
from tests.ledger.stretches import NOTHING, blocks_of, held, minutes_of, stretch

DAY = 1440
START = 20_000 * DAY
FRONTEND: Group = (("service", "frontend"), ("path", 'a "quoted" café'))


@pytest.fixture
def epoch(ledger: Ledger) -> Epoch:
    return ledger.begin_epoch("cloudshop/availability", START, "any")


def checkpoint(edge: int = START + 30) -> Checkpoint:
    """One that uses every field, with floats that no decimal text of a few digits holds."""
    target, lonely = Target("shop", "10.0.0.1:8080"), (("__name__", "up"), ("zone", "ü"))
    third = 1 / 3
    return Checkpoint(
        edge + 1,
        edge,
        Cursors(
            since=5,
            series={(("__name__", "x"), ("pod", "p-1")): SeriesCursor(1_700_000_000_123, 1e15 + third)},
            targets={target: TargetCursor(1, 2, 3, 4), lonely: TargetCursor(5, 6, 7)},
            first_seen=9,
            restarts={target: 11, lonely: 12},
        ),
        {target: TargetCursor(13, 14, 15, 16)},
        {(Role.TOTAL, ()): np.array([third, 2.0]), (Role.BAD, FRONTEND): np.array([5e-324, 0.1])},
        Coverage(np.array([third, 60_000.0]), np.array([60_000.0, 60_000.0])),
        {(): Totals(third, 1e300, 7, 8), FRONTEND: Totals(0.1, 0.2, 3, 4)},
        frozenset({Role.TOTAL, Role.BAD}),
        {START // DAY: 2},
        3,
    )


def assert_same(one: Checkpoint, other: Checkpoint) -> None:
    """To the last bit."""
    plain = ("horizon", "edge", "cursors", "targets", "totals", "roles_found", "uncertain", "groups_left_out")
    for name in plain:
        assert getattr(one, name) == getattr(other, name), name
    assert one.open.keys() == other.open.keys()
    for place, values in one.open.items():
        assert values.tobytes() == other.open[place].tobytes()
    for ours, theirs in zip(one.open_coverage, other.open_coverage, strict=True):
        assert ours.tobytes() == theirs.tobytes()


def test_minutes_are_read_as_they_were_written(ledger: Ledger, epoch: Epoch) -> None:
    whole, part = stretch(START, [5, 0, 2**40]), stretch(START, [3, 0, 1], covered=0)
    ledger.write([Write(epoch, {(): whole, FRONTEND: part})])
    asked = Interval(START - 1, START + 4)
    assert held(ledger, epoch, asked) == [NOTHING, *minutes_of(whole), NOTHING]
    assert held(ledger, epoch, asked, FRONTEND) == [NOTHING, *minutes_of(part), NOTHING]


def test_what_was_counted_again_takes_the_place_of_what_was_there(ledger: Ledger, epoch: Epoch) -> None:
    ledger.write([Write(epoch, {(): stretch(START + i, [1], Provenance.LIVE)}) for i in range(5)])
    again = stretch(START, [7, 8, 9])
    ledger.write([Write(epoch, {(): again})])
    live = [(1, 1, 1000, Provenance.LIVE)] * 2
    assert held(ledger, epoch, Interval(START, START + 5)) == [*minutes_of(again), *live]


def test_a_part_of_a_block_can_be_replaced(ledger: Ledger, epoch: Epoch) -> None:
    ledger.write([Write(epoch, {(): stretch(START, [1] * 60)})])
    ledger.write([Write(epoch, {(): stretch(START + 20, [2] * 10)})])
    goods = [good for good, *_ in held(ledger, epoch, Interval(START, START + 60))]
    assert goods == [1] * 20 + [2] * 10 + [1] * 30


def test_a_stretch_may_straddle_blocks_and_midnight(ledger: Ledger, epoch: Epoch) -> None:
    midnight = START + DAY
    for start in range(midnight - 45, midnight + 45, 15):
        ledger.write([Write(epoch, {(): stretch(start, [1] * 15)})])
    ledger.write([Write(epoch, {(): stretch(midnight - 20, [2] * 40)})])
    goods = [good for good, *_ in held(ledger, epoch, Interval(midnight - 45, midnight + 45))]
    assert goods == [1] * 25 + [2] * 40 + [1] * 25


def test_events_that_came_late_are_added_to_their_minutes(ledger: Ledger, epoch: Epoch) -> None:
    ledger.write([Write(epoch, {(): stretch(START, [1] * 30)})])
    late = stretch(START + 10, [5, 6], Provenance.NONE, bad=0, covered=0)
    new = stretch(START + 30, [3] * 15)
    ledger.write([Write(epoch, {(): new}, {(): late})])
    now = held(ledger, epoch, Interval(START, START + 45))
    assert [good for good, *_ in now] == [1] * 10 + [6, 7] + [1] * 18 + [3] * 15
    assert {(bad, covered, code) for _, bad, covered, code in now} == {(1, 1000, Provenance.REREAD)}


def test_events_may_be_added_to_minutes_that_nothing_was_known_of(ledger: Ledger, epoch: Epoch) -> None:
    late = stretch(START - 100, [4], Provenance.NONE, bad=0, covered=0)
    ledger.write([Write(epoch, {}, {(): late})])
    assert held(ledger, epoch, Interval(START - 101, START - 98)) == [NOTHING, (4, 0, 0, 0), NOTHING]


def test_a_day_that_is_over_is_one_block(ledger: Ledger, epoch: Epoch) -> None:
    counts = np.arange(2 * DAY)
    for low in range(0, 2 * DAY, 15):
        ledger.write([Write(epoch, {(): stretch(START + low, counts[low : low + 15].tolist())})])
    whole = Interval(START, START + 2 * DAY)
    assert [one.interval for one in blocks_of(ledger, epoch, whole)] == [
        Interval(START, START + DAY),
        Interval(START + DAY, START + 2 * DAY),
    ]
    assert [good for good, *_ in held(ledger, epoch, whole)] == counts.tolist()


def test_joining_an_hour_leaves_a_longer_block_that_begins_in_it(ledger: Ledger, epoch: Epoch) -> None:
    """As when a collector comes back in the middle of an hour, after one in which it was away."""
    for start, size in ((0, 15), (15, 15), (30, 170), (200, 15)):
        ledger.write([Write(epoch, {(): stretch(START + start, [1] * size)})])
    assert [good for good, *_ in held(ledger, epoch, Interval(START, START + 215))] == [1] * 215


def test_minutes_without_events_and_coverage_take_no_room(ledger: Ledger, epoch: Epoch) -> None:
    empty = Stretch.empty(Interval(START, START + DAY))
    ledger.write([Write(epoch, {(): empty})])
    assert blocks_of(ledger, epoch, Interval(START, START + DAY)) == []


def test_minutes_that_were_counted_before_can_be_emptied(ledger: Ledger, epoch: Epoch) -> None:
    ledger.write([Write(epoch, {(): stretch(START, [1] * 60)})])
    ledger.write([Write(epoch, {(): Stretch.empty(Interval(START + 10, START + 20))})])
    goods = [good for good, *_ in held(ledger, epoch, Interval(START, START + 60))]
    assert goods == [1] * 10 + [0] * 10 + [1] * 40


def test_all_writes_are_kept_or_none(ledger: Ledger, epoch: Epoch) -> None:
    ledger.write([Write(epoch, {(): stretch(START, [1])}, checkpoint=checkpoint(START + 1))])
    fresh: Group = (("service", "new"),)
    writes = [Write(epoch, {(): stretch(START + 1, [2]), fresh: stretch(START, [3])}, checkpoint=checkpoint())]
    broken = [Write(epoch, {}, gaps=(Gap(epoch.id, START, None, 0, checkpoint()),))]  # type: ignore[arg-type]
    with pytest.raises(LedgerError):
        ledger.write([*writes, *broken])
    assert held(ledger, epoch, Interval(START, START + 2)) == [(1, 1, 1000, Provenance.REREAD), NOTHING]
    assert ledger.edges() == {epoch.id: (START + 2, START + 1)}
    assert set(ledger.series([epoch.id])[epoch.id]) == {()}
    ledger.write(writes)
    assert held(ledger, epoch, Interval(START, START + 1), fresh) == [(3, 1, 1000, Provenance.REREAD)]


def test_a_second_reader_sees_whole_transactions(dsn: str, ledger: Ledger, epoch: Epoch) -> None:
    with Ledger(dsn) as reader:
        assert reader.newest_minute() is None
        ledger.write([Write(epoch, {(): stretch(START, [1, 2])}, checkpoint=checkpoint(START + 2))])
        assert reader.newest_minute() == START + 2
        assert [good for good, *_ in held(reader, epoch, Interval(START, START + 2))] == [1, 2]


def test_the_newest_minute_may_be_a_live_one(ledger: Ledger, epoch: Epoch) -> None:
    ledger.write([Write(epoch, {(): stretch(START, [1] * 15)}, checkpoint=checkpoint(START + 15))])
    ledger.write([Write(epoch, {(): stretch(START + 15 + i, [1], Provenance.LIVE)}) for i in range(3)])
    assert ledger.newest_minute() == START + 18


def test_a_checkpoint_is_restored_to_the_last_bit(ledger: Ledger, epoch: Epoch) -> None:
    ledger.write([Write(epoch, {}, checkpoint=checkpoint())])
    assert_same(ledger.checkpoints([epoch.id])[epoch.id], checkpoint())
    assert ledger.edges() == {epoch.id: (START + 31, START + 30)}


def test_the_last_checkpoint_is_the_one(ledger: Ledger, epoch: Epoch) -> None:
    for edge in (START, START + 15, START + 30):
        ledger.write([Write(epoch, {}, checkpoint=checkpoint(edge))])
    assert {id_: one.edge for id_, one in ledger.checkpoints([epoch.id]).items()} == {epoch.id: START + 30}


def test_a_damaged_checkpoint_is_told(ledger: Ledger, epoch: Epoch) -> None:
    ledger.write([Write(epoch, {}, checkpoint=checkpoint())])
    for junk in (b"", b"\x00" * 40, checkpoint().to_bytes()[:-9]):
        with ledger.writer.begin():
            ledger.writer.execute(text("UPDATE checkpoint SET data = :junk"), {"junk": junk})
        with pytest.raises(LedgerError, match="a checkpoint is damaged"):
            ledger.checkpoints([epoch.id])


def test_damaged_counts_are_told(ledger: Ledger, epoch: Epoch) -> None:
    ledger.write([Write(epoch, {(): stretch(START, [1, 2, 3])})])
    for junk in (b"", b"\x00" * 40, b"\x09" * 40, b"\x01\x00\x00\x00\x03\x00not compressed"):
        with ledger.writer.begin():
            ledger.writer.execute(text("UPDATE block SET data = :junk"), {"junk": junk})
        with pytest.raises(LedgerError, match="a block of counts is damaged"):
            held(ledger, epoch, Interval(START, START + 3))


def test_gaps_are_kept_until_they_are_filled(ledger: Ledger, epoch: Epoch) -> None:
    late = Gap(epoch.id, START + 60, START + 75, 0, checkpoint(START + 60))
    early = Gap(epoch.id, START, START + 15, 1, checkpoint(START))
    ledger.write([Write(epoch, {}, gaps=(late, early))])
    assert [(gap.start, gap.end, gap.tries) for gap in ledger.gaps()] == [
        (START, START + 15, 1),
        (START + 60, START + 75, 0),
    ]
    assert_same(ledger.gaps()[0].checkpoint, early.checkpoint)
    grown = Gap(epoch.id, START + 60, START + 90, 0, checkpoint(START + 60))
    ledger.write([Write(epoch, {}, gaps=(grown,), filled=(early,))])
    assert [(gap.start, gap.end) for gap in ledger.gaps()] == [(START + 60, START + 90)]


def test_epochs_are_numbered_for_each_objective(ledger: Ledger) -> None:
    for slo, since in (("b/one", 5), ("a/one", 6), ("b/one", 7)):
        ledger.begin_epoch(slo, since, f"since {since}")
    found = [(one.slo, one.number, one.since, one.indicator) for one in ledger.epochs()]
    assert found == [("a/one", 1, 6, "since 6"), ("b/one", 1, 5, "since 5"), ("b/one", 2, 7, "since 7")]


def test_epochs_do_not_share_their_minutes(ledger: Ledger, epoch: Epoch) -> None:
    other = ledger.begin_epoch(epoch.slo, START + 1, "another")
    ledger.write([Write(epoch, {(): stretch(START, [1])}), Write(other, {(): stretch(START, [2])})])
    minute = Interval(START, START + 1)
    assert [held(ledger, one, minute)[0][0] for one in (epoch, other)] == [1, 2]


def test_a_promise_is_noted_once_for_each_minute(ledger: Ledger) -> None:
    first, corrected = Promise("a/b", 5, "0.999", "30d"), Promise("a/b", 5, "0.99", "30d")
    ledger.record_promises([first, Promise("a/b", 9, "0.9", "7d")])
    ledger.record_promises([corrected])
    assert ledger.promises() == [corrected, Promise("a/b", 9, "0.9", "7d")]


def test_more_objectives_than_one_statement_takes(ledger: Ledger) -> None:
    epochs = [ledger.begin_epoch(f"many/{number:04}", START, "any") for number in range(501)]
    ledger.write([Write(one, {(): stretch(START, [one.id])}, checkpoint=checkpoint()) for one in epochs])
    ids = [one.id for one in epochs]
    assert ledger.checkpoints(ids).keys() == set(ids)
    series = {groups[()] for groups in ledger.series(ids).values()}
    goods = [int(one.good[0]) for _, one in ledger.blocks(series, Interval(START, START + 1))]
    assert sorted(goods) == sorted(ids)


def test_a_ledger_of_a_newer_version_is_left_alone(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "VERSION", 7)
    Ledger(dsn, create=True).close()
    monkeypatch.undo()
    with pytest.raises(
        LedgerError, match=rf"written by a newer version of slo \(schema 7, this one knows {schema.VERSION}\); upgrade"
    ):
        Ledger(dsn)


def _add_note(connection: Connection) -> None:
    connection.execute(text("ALTER TABLE promise ADD COLUMN note TEXT NOT NULL DEFAULT 'none'"))


def test_an_older_ledger_is_brought_up_to_date(dsn: str, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger.record_promises([Promise("a/b", 5, "0.999", "30d")])
    ledger.close()
    monkeypatch.setattr(schema, "MIGRATIONS", {schema.VERSION: _add_note})
    monkeypatch.setattr(schema, "VERSION", schema.VERSION + 1)
    for _ in range(2):  # the second time there is nothing left to do
        with Ledger(dsn) as today:
            assert today.promises() == [Promise("a/b", 5, "0.999", "30d")]
            with today.writer.begin():
                assert today.writer.execute(text("SELECT note FROM promise")).scalar() == "none"
                version = text("SELECT value FROM meta WHERE key = 'schema_version'")
                assert today.writer.execute(version).scalar() == str(schema.VERSION)


def test_a_migration_that_fails_leaves_the_ledger_as_it_was(
    dsn: str, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.record_promises([Promise("a/b", 5, "0.999", "30d")])

    def half_way(connection: Connection) -> None:
        _add_note(connection)
        connection.execute(text("ALTER TABLE no_such_table ADD COLUMN note TEXT"))

    ledger.close()
    monkeypatch.setattr(schema, "MIGRATIONS", {schema.VERSION: half_way})
    monkeypatch.setattr(schema, "VERSION", schema.VERSION + 1)
    with pytest.raises(LedgerError):
        Ledger(dsn)
    monkeypatch.undo()
    with Ledger(dsn) as same:
        assert same.promises() == [Promise("a/b", 5, "0.999", "30d")]
        with same.writer.begin(), pytest.raises(Exception, match="note"):
            same.writer.execute(text("SELECT note FROM promise"))


def test_tables_of_something_else_are_left_alone(dsn: str, ledger: Ledger) -> None:
    with ledger.writer.begin():
        ledger.writer.execute(text("DROP TABLE meta"))
    ledger.close()
    with pytest.raises(LedgerError, match="holds tables of something else; choose another place"):
        Ledger(dsn)


def test_a_ledger_that_does_not_say_its_version_is_refused(dsn: str, ledger: Ledger) -> None:
    for damage in ("UPDATE meta SET value = 'one'", "DELETE FROM meta"):
        with ledger.writer.begin():
            ledger.writer.execute(text(damage))
        with pytest.raises(LedgerError, match="does not say which version it is"):
            Ledger(dsn)
