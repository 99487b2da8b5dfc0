"""The same figures from wherever the data are, and one clear error from nowhere."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import slo.notebook
from slo.correction import Category, Correction
from slo.errors import LedgerError, SourceError, SpecError, UsageError
from slo.events import EventSeries
from slo.ledger.corrections import make
from slo.ledger.store import Ledger
from slo.ledger.stretch import FULL, Provenance, Stretch
from slo.source.fleet import Fleet
from slo.window import Interval, datetime_of
from tests.analysis.histories import MONTH, START
from tests.ledger.ledgers import put
from tests.notebook.shops import (
    BUDGET_EVENTS,
    CART_OUTAGE,
    OBJECTIVES,
    SERVICES,
    SHOP_OUTAGE,
    events_frame,
    objectives_in,
    time,
)

EXAMPLE = Path(__file__).parents[2] / "examples" / "cloudshop.yaml"
END = datetime_of(START + MONTH)


@pytest.fixture
def ledger(tmp_path: Path) -> str:
    """The month in a ledger, in which the cart's outage is a maintenance."""
    path = str(tmp_path / "slo.db")
    with Ledger(path, create=True) as opened:
        epoch = opened.begin_epoch("shop/availability", START, "{}")
        whole = EventSeries(
            START,
            SERVICES["cart"].good + SERVICES["frontend"].good,
            SERVICES["cart"].bad + SERVICES["frontend"].bad,
            SERVICES["cart"].covered,
        )
        put(opened, epoch, _stretch(whole))
        for name, events in SERVICES.items():
            put(opened, epoch, _stretch(events), (("service", name),))
        make(
            opened,
            Correction(
                id=0,
                slos=("shop/*",),
                when=Interval(START + CART_OUTAGE - 5, START + CART_OUTAGE + 15),
                category=Category.MAINTENANCE,
                reason="new database",
                author="ada",
                made_at=END,
            ),
        )
    return path


def _stretch(events: EventSeries) -> Stretch:
    good, bad = np.diff(events.good), np.diff(events.bad)
    return Stretch.of(events.start, good, bad, np.full(good.size, FULL, np.int16), Provenance.REREAD)


def test_a_ledger_is_read_with_its_corrections(ledger: str, tmp_path: Path) -> None:
    shop = slo.notebook.load(objectives_in(tmp_path), ledger=ledger, at=END)["shop/availability"]
    assert [one.reason for one in shop.corrections] == ["new database"]
    frame = shop.frame()
    assert frame["bad"].sum() == 3900
    excluded = frame.loc[time(CART_OUTAGE - 4) : time(CART_OUTAGE + 15)]
    assert (len(excluded), excluded["total"].sum(), excluded["coverage"].min()) == (20, 0, 1.0)
    assert shop.incidents()["start"].tolist() == [time(SHOP_OUTAGE)]
    report = shop.report()
    assert [one.bad_events for one in report.corrections] == [1000]
    assert report.budget.remaining_ratio == pytest.approx(1 - 3900 / (BUDGET_EVENTS - 0.001 * 500 * 20))
    assert shop.budget().iloc[-1] == pytest.approx(report.budget.remaining_ratio)
    assert shop.frame({"service": "cart"})["bad"].sum() == 300


@pytest.mark.parametrize("name", ["events.parquet", "events.csv"])
def test_files_give_the_figures_of_the_frame(tmp_path: Path, name: str) -> None:
    files, frame = objectives_in(tmp_path), events_frame()
    path = tmp_path / name
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path)
    of_file = slo.notebook.load(str(files), data=path)["shop/availability"]
    of_frame = slo.notebook.load(files, data=frame)["shop/availability"]
    assert of_file.frame().equals(of_frame.frame())
    assert of_file.incidents().equals(of_frame.incidents())


def test_a_history_begins_and_ends_where_it_is_told_to(tmp_path: Path) -> None:
    loaded = slo.notebook.load(objectives_in(tmp_path), data=events_frame(), at=time(15_000))
    shop = loaded["shop/availability"]
    assert shop.within == (START, START + 15_000)
    assert len(shop.frame()) == 15_000
    assert loaded.table().loc["shop/availability", "budget_remaining_ratio"] == shop.report().budget.remaining_ratio


def test_a_real_prometheus_tells_what_happened(
    fleet_url_of: Callable[[str], str], known_fleet: Fleet, tmp_path: Path
) -> None:
    files = objectives_in(
        tmp_path,
        OBJECTIVES.replace("99.9%", "99%")
        .replace("window: 30d", "window: 1d")
        .replace("errors_total", 'http_requests_total{status=~"5.."}')
        .replace("requests_total'}", "http_requests_total'}"),
    )
    spec = known_fleet.spec
    end = spec.start + spec.days * 1440
    url = fleet_url_of("prometheus")
    shop = slo.notebook.load(files, prometheus=url, at=datetime_of(end), since=datetime_of(spec.start))
    history = shop["shop/availability"]
    report = history.report(datetime_of(end - 60))
    truth = known_fleet.reached.within(report.window)
    assert report.counts.bad == pytest.approx(truth.bad, abs=1)
    # Good events of a minute's edge are interpolated between two scrapes.
    assert report.counts.total == pytest.approx(truth.total, rel=1e-4)
    incident = history.found_incidents()[0]
    assert incident.interval.start == pytest.approx(spec.start + spec.incidents[0].start_minute, abs=1)
    assert history.objective.budget_ratio == Fraction(1, 100)


def test_the_demo_needs_no_data_and_failures_are_told_by_id() -> None:
    shop = slo.notebook.load(EXAMPLE, demo=True, slo=["*/reachable"])
    assert list(shop) == ["cloudshop/reachable"]
    (outage,) = shop["cloudshop/reachable"].found_incidents()
    assert (outage.bad_events, outage.interval.minutes) == (20, 20)
    with pytest.raises(KeyError, match="there is no such objective; there are: cloudshop/reachable"):
        shop["cloudshop/latency"]


def test_what_could_not_be_had_stands_beside_what_could(tmp_path: Path) -> None:
    frame = pd.concat([events_frame().assign(slo=f"shop/{name}") for name in ("availability", "other")])
    other = OBJECTIVES[OBJECTIVES.index("  - name") :].replace("availability", "other").replace("[service]", "[pod]")
    loaded = slo.notebook.load(objectives_in(tmp_path, OBJECTIVES + other), data=frame)
    assert list(loaded) == ["shop/availability"]
    assert list(loaded.failures) == ["shop/other"]
    with pytest.raises(KeyError, match=r"shop/other: .*pod"):
        loaded["shop/other"]


@pytest.mark.parametrize(
    ("places", "message"),
    [
        ({}, "where are the data"),
        ({"demo": True, "ledger": "slo.db"}, "give one of"),
        ({"prometheus": "shop:9090"}, "prometheus"),
    ],
)
def test_data_have_one_place(tmp_path: Path, places: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        slo.notebook.load(objectives_in(tmp_path), **places)  # type: ignore[arg-type]  # as people mistype it


def test_what_is_not_there_is_said_by_name(tmp_path: Path) -> None:
    files = objectives_in(tmp_path)
    with pytest.raises(LedgerError, match="nowhere"):
        slo.notebook.load(files, ledger=str(tmp_path / "nowhere.db"))
    with pytest.raises(SourceError, match="nowhere"):
        slo.notebook.load(files, data=tmp_path / "nowhere.parquet")
    with pytest.raises(SpecError, match="nowhere"):
        slo.notebook.load(tmp_path / "nowhere.yaml", demo=True)
    with pytest.raises(UsageError, match="no zone"):
        slo.notebook.load(files, data=events_frame(), at=datetime(2026, 9, 1))  # noqa: DTZ001  the mistake itself
    assert datetime(2026, 9, 1, tzinfo=UTC) < END
