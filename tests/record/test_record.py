"""What is handed to the record is there when it says so, and stays as it is."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from slo.decision import Outcome, Verdict
from slo.errors import RecordError, UsageError
from slo.record import DecisionChange, Kind, Record
from slo.record import schema as record_schema
from slo.record.connection import RecordDatabase
from tests.record.entries import AT, call, change, decision, reason
from tests.record.waiting import wait_until


def test_a_change_is_read_back_as_it_was_decided(record: Record) -> None:
    reasons = (reason(outcome=Outcome.WARN),)
    verdict = Verdict(gate="deploy", slo="shop/a", outcome=Outcome.WARN, reasons=reasons, data_until=1)
    record.decided(
        [
            DecisionChange.of_decision(decision(), before=Outcome.ALLOW),
            DecisionChange.of_verdict(verdict, at=AT),
        ]
    )
    newest, oldest = record.query()
    assert (newest.kind, newest.slo, newest.outcome, newest.allowed) == (Kind.VERDICT, "shop/a", Outcome.WARN, None)
    assert (oldest.kind, oldest.slo, oldest.outcome, oldest.allowed) == (Kind.DECISION, "", Outcome.DENY, False)
    assert (oldest.at, oldest.decision_id, oldest.writer, oldest.details["before"]) == (AT, "d-1", "here", "allow")
    told = oldest.details["reasons"][0]
    assert (told["check"], told["observed"], told["threshold"]) == ("min_budget_remaining", 0.12, 0.25)


def test_a_verdict_tells_first_why_it_is_what_it_is(record: Record) -> None:
    """A deny among doubts: "1 m of 28d seen" does not say why it was denied."""
    doubts = tuple(reason(outcome=Outcome.UNKNOWN) for _ in range(30))
    verdict = Verdict(gate="deploy", slo="shop/a", outcome=Outcome.DENY, reasons=(*doubts, reason()), data_until=1)
    record.decided([DecisionChange.of_verdict(verdict, at=AT)])
    (entry,) = record.query()
    assert entry.details["reasons"][0]["decision"] == "deny"


def test_a_caller_is_read_back_with_its_answer(record: Record) -> None:
    number = asyncio.run(record.asked(call(body=b'{"name": "shop", "password": "x7"}')))
    (entry,) = record.query(kinds=[Kind.CALL])
    assert (entry.id, entry.by, entry.slo, entry.outcome, entry.allowed) == (
        number,
        "token ci",
        "shop/a",
        Outcome.DENY,
        False,
    )
    assert entry.details["body"] == '{"name":"shop","password":"***"}'
    assert entry.document()["decision"] == "deny"


def test_many_callers_at_once_are_all_kept_under_their_own_numbers(record: Record) -> None:
    async def ask() -> list[int]:
        return await asyncio.gather(*(record.asked(call(caller=f"caller {number}")) for number in range(300)))

    numbers = asyncio.run(ask())
    kept = {entry.id: entry.by for entry in record.query(limit=1000)}
    assert kept == {number: f"caller {place}" for place, number in enumerate(numbers)}


def test_threads_share_a_record(record: Record) -> None:
    def write(name: int) -> None:
        for _ in range(20):
            record.decided([change(gate=f"gate-{name}")])
            assert record.query(gate=f"gate-{name}", limit=1)

    threads = [threading.Thread(target=write, args=(name,)) for name in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(record.query(limit=1000)) == 100


def test_what_was_last_decided_outlives_a_restart(dsn: str, record: Record) -> None:
    record.decided([change(Outcome.ALLOW), change(Outcome.ALLOW, slo="shop/a"), change(slo="shop/b")])
    record.decided([change(Outcome.DENY), change(Outcome.WARN, gate="chaos")])
    with Record(dsn) as again:
        assert again.last() == {
            ("deploy", ""): Outcome.DENY,
            ("deploy", "shop/a"): Outcome.ALLOW,
            ("deploy", "shop/b"): Outcome.DENY,
            ("chaos", ""): Outcome.WARN,
        }


def test_questions_are_answered_newest_first_and_page_by_page(record: Record) -> None:
    minutes = [timedelta(minutes=minute) for minute in range(6)]
    record.decided([change(at=AT + minute, slo="shop/a" if minute.seconds % 120 else "shop/b") for minute in minutes])
    record.decided([change(gate="chaos", slo='shop/a{pod="1"}'), change(gate="chaos", slo="SHOP/a")])
    first = record.query(gate="deploy", limit=4)
    rest = record.query(gate="deploy", limit=4, before=first[-1].id)
    assert [one.at for one in (*first, *rest)] == [AT + minute for minute in reversed(minutes)]
    assert {one.slo for one in record.query(slo="shop/*")} == {"shop/a", "shop/b"}
    assert {one.slo for one in record.query(slo="shop/a")} == {"shop/a"}
    assert {one.slo for one in record.query(slo="shop/a{*")} == {'shop/a{pod="1"}'}
    assert len(record.query(since=AT + minutes[2], until=AT + minutes[4])) == 2
    assert record.query(kinds=[Kind.CALL]) == []


def test_an_override_holds_until_its_end_for_whom_it_was_made(record: Record) -> None:
    async def override() -> int:
        made = await record.override(
            gate="deploy", by="ada", reason="a fix", slos=["shop/a"], until=AT + timedelta(hours=1)
        )
        assert record.overrides(AT) == (made,)
        return made.id

    number = asyncio.run(override())
    (found,) = record.overrides(AT + timedelta(minutes=59))
    assert (found.id, found.gate, found.slos, found.by, found.reason) == (number, "deploy", ("shop/a",), "ada", "a fix")
    assert (found.start, found.until) == (AT, AT + timedelta(hours=1))
    assert record.overrides(AT + timedelta(hours=1)) == ()
    assert record.overrides(AT - timedelta(seconds=1)) == ()


def test_a_revoked_override_stays_in_the_record_with_its_revocation(dsn: str, record: Record) -> None:
    made = asyncio.run(record.override(gate="deploy", by="ada", reason="a fix", until=AT + timedelta(hours=1)))
    asyncio.run(record.revoke(made.id, by="bob", reason="done"))
    assert record.overrides(AT) == ()
    revocation, override = record.query()
    assert (override.kind, override.override()) == (Kind.OVERRIDE, made)
    assert (revocation.kind, revocation.by, revocation.details["override"]) == (Kind.REVOCATION, "bob", made.id)
    with Record(dsn, now=lambda: AT) as again:
        assert again.overrides(AT) == ()
    with pytest.raises(UsageError, match=f"there is no override {made.id} in force"):
        asyncio.run(record.revoke(made.id, by="bob", reason="again"))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"reason": " "}, "needs a reason"),
        ({"by": ""}, "needs a name"),
        ({"gate": ""}, "needs a gate"),
        ({"until": AT}, "must end after it begins"),
        ({"until": AT + timedelta(days=32)}, "31 days at most"),
        ({"start": AT + timedelta(hours=2)}, "must end after it begins"),
    ],
)
def test_an_override_that_makes_no_sense_is_refused(wrong: dict[str, object], told: str, record: Record) -> None:
    asked = {"gate": "deploy", "by": "ada", "reason": "a fix", "until": AT + timedelta(hours=1)} | wrong
    with pytest.raises(UsageError, match=told):
        asyncio.run(record.override(**asked))  # type: ignore[arg-type]  # wrong on purpose
    assert record.query() == []


def test_another_process_sees_an_override_and_its_end_within_moments(dsn: str, record: Record) -> None:
    with Record(dsn, now=lambda: AT, poll_seconds=0.05) as other:
        made = asyncio.run(record.override(gate="deploy", by="ada", reason="a fix", until=AT + timedelta(hours=1)))
        wait_until(lambda: other.overrides(AT) == (made,))
        asyncio.run(other.revoke(made.id, by="bob", reason="done"))
        wait_until(lambda: record.overrides(AT) == ())


def test_pruning_keeps_what_still_holds(record: Record) -> None:
    long = asyncio.run(record.override(gate="deploy", by="ada", reason="a fix", until=AT + timedelta(days=30)))
    asyncio.run(record.revoke(long.id, by="ada", reason="done"))
    old = AT - timedelta(days=500)
    record.decided([change(Outcome.ALLOW, at=old), change(Outcome.DENY, at=old), change(slo="shop/a", at=old)])
    record.decided([change(slo="shop/b", at=old), change(slo="shop/b")])
    asyncio.run(record.asked(call(-500 * 86_400)))
    assert record.prune(timedelta(days=396)) == 3
    assert record.prune(timedelta(days=396)) == 0
    assert {(one.kind, one.slo, one.at) for one in record.query()} == {
        (Kind.OVERRIDE, "", AT),
        (Kind.REVOCATION, "", AT),
        (Kind.DECISION, "", old),
        (Kind.VERDICT, "shop/a", old),
        (Kind.VERDICT, "shop/b", AT),
    }
    assert record.last()["deploy", ""] is Outcome.DENY


def test_a_record_prunes_by_itself(dsn: str, record: Record) -> None:
    record.decided([change(at=AT - timedelta(days=2)), change()])
    with Record(dsn, now=lambda: AT, retention=timedelta(days=1), poll_seconds=0.05):
        wait_until(lambda: len(record.query()) == 1)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(["", "s/x", "s/y"]), st.sampled_from(Outcome)),
        max_size=12,
    ),
    keep_days=st.integers(0, 12),
)
def test_whatever_is_pruned_the_last_outcome_of_each_is_known(
    steps: list[tuple[str, str, Outcome]], keep_days: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    dsn = str(tmp_path_factory.mktemp("record") / "slo-record.db")
    expected = {}
    with Record(dsn, create=True, now=lambda: AT + timedelta(days=12)) as record:
        for day, (gate, slo, outcome) in enumerate(steps):
            record.decided([change(outcome, gate=gate, slo=slo, at=AT + timedelta(days=day))])
            expected[gate, slo] = outcome
        record.prune(timedelta(days=keep_days))
        assert record.last() == expected
        days = {(one.at - AT).days for one in record.query()}
        newest = {(gate, slo): day for day, (gate, slo, _) in enumerate(steps)}
        assert days == set(range(12 - keep_days, len(steps))) | set(newest.values())


def test_no_entry_can_be_changed(dsn: str, record: Record) -> None:
    record.decided([change()])
    database = RecordDatabase(dsn, create=False)
    with (
        pytest.raises(RecordError, match="entries of the record are never changed"),
        database.transaction(writes=True) as connection,
    ):
        connection.execute(text("UPDATE entry SET outcome = 'allow'"))
    database.close()
    assert record.query()[0].outcome is Outcome.DENY


def test_a_record_of_a_newer_version_is_left_alone(dsn: str, record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_schema, "VERSION", 0)
    with pytest.raises(RecordError, match="was written by a newer version of slo"):
        Record(dsn)


def test_an_older_record_is_brought_up_to_date(dsn: str, record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    record.decided([change()])
    monkeypatch.setattr(record_schema, "VERSION", 2)
    steps = {1: lambda connection: connection.execute(text("ALTER TABLE entry ADD COLUMN more INTEGER"))}
    monkeypatch.setattr(record_schema, "MIGRATIONS", steps)
    with Record(dsn) as newer:
        assert newer.last() == {("deploy", ""): Outcome.DENY}
    database = RecordDatabase(dsn, create=False)
    with database.transaction() as connection:
        assert connection.execute(text("SELECT more FROM entry")).all() == [(None,)]
    database.close()


def test_a_closed_record_says_so(dsn: str, record: Record) -> None:
    other = Record(dsn)
    other.close()
    with pytest.raises(RecordError, match="is closed"):
        other.decided([change()])


def test_what_was_handed_in_before_the_end_is_written(dsn: str, record: Record) -> None:
    async def ask_and_close() -> None:
        other = Record(dsn)
        waiting = [asyncio.ensure_future(other.asked(call(number))) for number in range(50)]
        await asyncio.sleep(0)
        await asyncio.to_thread(other.close)
        await asyncio.gather(*waiting)

    asyncio.run(ask_and_close())
    assert len(record.query()) == 50
