"""Figures that a notebook shows and that files hold: what is drawn is what the history says."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from matplotlib import dates
from matplotlib.figure import Figure

import slo.notebook
from slo.errors import UsageError
from slo.notebook import ObjectiveHistory, plots
from slo.window import datetime_of
from tests.analysis.histories import MONTH, START
from tests.notebook.shops import OBJECTIVES, SHOP_OUTAGE, events_frame, objectives_in, time

EVERY_FIGURE = pytest.mark.parametrize("draw", [plots.burn_down, plots.error_ratio, plots.alerts, plots.forecast])


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> ObjectiveHistory:
    files = objectives_in(tmp_path_factory.mktemp("shop"))
    return slo.notebook.load(files, data=events_frame())["shop/availability"]


@EVERY_FIGURE
def test_a_figure_shows_itself_says_what_it_is_and_belongs_to_nobody(
    shop: ObjectiveHistory, draw: Callable[..., Figure]
) -> None:
    figure = draw(shop, zone="Europe/Paris")
    png = figure._repr_png_()  # type: ignore[attr-defined]  # what Jupyter asks for
    assert png.startswith(b"\x89PNG")
    assert png == draw(shop, zone="Europe/Paris")._repr_png_()  # type: ignore[attr-defined]
    assert figure.get_suptitle().endswith("shop/availability, target 99.9 %")
    assert figure.axes[-1].get_xlabel() == "time (Europe/Paris)"
    assert all(axes.get_ylabel() or axes.get_yticklabels() for axes in figure.axes)
    assert "matplotlib.pyplot" not in sys.modules


@EVERY_FIGURE
@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_a_figure_becomes_a_file_of_its_name(
    shop: ObjectiveHistory, draw: Callable[..., Figure], kind: str, tmp_path: Path
) -> None:
    path = tmp_path / f"figure.{kind}"
    draw(shop, path)
    begins = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[kind]
    assert path.read_bytes().startswith(begins)
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_a_file_that_cannot_be_written_is_one_clear_error(shop: ObjectiveHistory, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        plots.burn_down(shop, tmp_path / "nowhere" / "figure.png")


def test_the_line_of_the_burn_down_is_the_budget(shop: ObjectiveHistory) -> None:
    line, even = plots.burn_down(shop).axes[0].get_lines()[:2]
    assert np.asarray(line.get_ydata(), float)[-1] == pytest.approx(100 * shop.burn_down().iloc[-1])
    assert list(np.asarray(even.get_ydata(), float)) == [100, 0]


def test_alerts_and_incidents_stand_where_they_were(shop: ObjectiveHistory) -> None:
    upper, lower = plots.alerts(shop, policies=["sre-workbook", "pyrra-28d"]).axes
    assert [label.get_text() for label in lower.get_yticklabels()] == ["sre-workbook", "pyrra-28d"]
    begins = {float(x) for line in lower.get_lines() for x in np.asarray(line.get_xdata(), float)}
    assert float(dates.date2num(time(SHOP_OUTAGE + 2))) in begins  # type: ignore[no-untyped-call]
    assert len(upper.patches) == len(shop.incidents())


def test_the_forecast_draws_no_budget_of_less_than_a_period(tmp_path: Path) -> None:
    text = OBJECTIVES.replace("window: 30d", "window: 7d")
    week = slo.notebook.load(objectives_in(tmp_path, text), data=events_frame())["shop/availability"]
    past = plots.forecast(week).axes[0].get_lines()[0]
    first = dates.num2date(np.asarray(past.get_xdata(orig=False), float)[0], tz=ZoneInfo("UTC"))  # type: ignore[no-untyped-call]
    whole = datetime_of(START + 7 * 1440)
    assert whole <= first < whole + timedelta(hours=1)
    assert np.asarray(past.get_ydata(), float).min() >= 100 * week.budget(step="1m").loc[first:].min() - 1e-9
    assert week.within.end == START + MONTH
