"""What holds of the ledger's parts whatever they are given."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo.errors import LedgerError
from slo.events import EventSeries
from slo.ledger.store import Ledger, Write
from slo.ledger.stretch import FULL, Provenance, Stretch, decode, encode
from slo.ledger.totals import Totals, whole_minutes
from slo.window import Interval
from tests.ledger.stretches import NOTHING, Minute, held, minutes_of

DAY = 1440
MIDNIGHT = 20_000 * DAY
COUNTS = st.one_of(st.integers(0, 300), st.integers(0, 2**53))


@st.composite
def stretches(draw: st.DrawFn, start: int = MIDNIGHT) -> Stretch:
    size = draw(st.integers(1, 30))

    def column(values: st.SearchStrategy[int], kind: npt.DTypeLike) -> npt.NDArray[np.int64]:
        return np.array(draw(st.lists(values, min_size=size, max_size=size)), kind)

    codes = st.sampled_from(list(Provenance))
    return Stretch(
        start,
        column(COUNTS, np.int64),
        column(COUNTS, np.int64),
        column(st.integers(0, FULL), np.int16).astype(np.int16),
        column(codes, np.uint8).astype(np.uint8),
    )


@given(stretches())
def test_a_stretch_is_decoded_as_it_was_encoded(one: Stretch) -> None:
    again = decode(encode(one), one.start)
    assert again.interval == one.interval
    assert minutes_of(again) == minutes_of(one)
    assert {again.good.dtype, again.bad.dtype} == {np.dtype(np.int64)}


@given(st.binary(max_size=80))
def test_what_was_never_encoded_is_refused(data: bytes) -> None:
    try:
        decode(data, 0)
    except LedgerError:
        return
    raise AssertionError("this was taken for a block")


@given(stretches(), st.data())
def test_a_flipped_bit_is_refused_or_leaves_the_form_intact(one: Stretch, data: st.DataObject) -> None:
    block = bytearray(encode(one))
    place = data.draw(st.integers(0, len(block) - 1))
    block[place] ^= 1 << data.draw(st.integers(0, 7))
    try:
        again = decode(bytes(block), one.start)
    except LedgerError:
        return
    assert again.good.size == again.bad.size == again.covered.size == again.provenance.size


fractions = st.floats(0, 1e6, allow_subnormal=False)


@given(st.lists(st.tuples(fractions, fractions), max_size=60), st.data(), st.booleans())
def test_minutes_counted_piece_by_piece_are_those_counted_at_once(
    minutes: list[tuple[float, float]], data: st.DataObject, counts_good: bool
) -> None:
    numerator, total = (np.array([one[i] for one in minutes], np.float64) for i in range(2))
    # Quarters are summed without error, whatever the order.
    numerator, total = np.round(numerator * 4) / 4, np.round(total * 4) / 4
    cuts = sorted(data.draw(st.lists(st.integers(0, len(minutes)), max_size=6)))
    totals, goods, bads = Totals(), [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for low, high in zip([0, *cuts], [*cuts, len(minutes)], strict=True):
        good, bad, totals = whole_minutes(totals, numerator[low:high], total[low:high], counts_good=counts_good)
        goods.append(good)
        bads.append(bad)
    make = EventSeries.from_good_minutes if counts_good else EventSeries.from_minutes
    whole = make(0, numerator, total, np.ones(len(minutes)))
    assert np.concatenate(bads).tolist() == np.diff(whole.bad).tolist()
    assert np.concatenate(goods).tolist() == np.diff(whole.good).tolist()
    assert (totals.good, totals.bad) == (whole.good[-1], whole.bad[-1])


class Written(NamedTuple):
    """Minutes from an offset on, of one kind; added to what is there, or in its place."""

    offset: int
    minutes: int
    provenance: Provenance
    events: int
    is_amendment: bool


SIZES = st.one_of(st.integers(1, 20), st.sampled_from([15, 30, 60, 75, 90, 170, 1440]))
FINAL = st.sampled_from([Provenance.REREAD, Provenance.BACKFILLED, Provenance.IMPORTED, Provenance.NONE])
WRITES = st.builds(Written, st.integers(-200, 1700), SIZES, FINAL, st.integers(0, 5), st.booleans())
QUARTERS = st.builds(
    Written,
    st.integers(-8, 110).map(lambda quarter: 15 * quarter),
    st.sampled_from([15, 30, 60, 75, 1440]),
    FINAL,
    st.integers(0, 5),
    st.just(False),
)
LIVE = st.builds(Written, st.just(-1), st.integers(1, 20), st.just(Provenance.LIVE), st.integers(0, 5), st.just(False))


def as_stretch(one: Written) -> Stretch:
    good = one.events + np.arange(one.minutes, dtype=np.int64) % 3
    covered = np.full(one.minutes, 0 if one.is_amendment else FULL, np.int16)
    return Stretch.of(MIDNIGHT + one.offset, good, good // 2, covered, one.provenance)


def remember(model: dict[int, Minute], one: Stretch, *, is_amendment: bool) -> None:
    for minute, new in enumerate(minutes_of(one), one.start):
        if is_amendment:
            known = model.get(minute, NOTHING)
            new = (known[0] + new[0], known[1] + new[1], known[2], known[3])
        model[minute] = new


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    with Ledger(str(tmp_path_factory.mktemp("laws") / "slo.db"), create=True) as opened:
        yield opened


@settings(max_examples=100, deadline=None)
@given(writes=st.lists(st.one_of(WRITES, QUARTERS, LIVE), min_size=1, max_size=14))
def test_the_last_write_of_a_minute_is_what_the_ledger_holds(ledger: Ledger, writes: list[Written]) -> None:
    """Live minutes come after all others, as the collector writes them."""
    model: dict[int, Minute] = {}
    epoch = ledger.begin_epoch("cloudshop/availability", MIDNIGHT, "any")
    for one in writes:
        if one.provenance is Provenance.LIVE:
            one = one._replace(offset=max(model, default=MIDNIGHT) + 1 - MIDNIGHT)
        stretch = as_stretch(one)
        remember(model, stretch, is_amendment=one.is_amendment)
        ledger.write([Write(epoch, {}, {(): stretch}) if one.is_amendment else Write(epoch, {(): stretch})])
    whole = Interval(min(model) - DAY, max(model) + DAY)
    found = held(ledger, epoch, whole)
    for minute, is_held in enumerate(found, whole.start):
        assert is_held == model.get(minute, NOTHING), minute - MIDNIGHT
