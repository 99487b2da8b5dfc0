"""An objective that goes out as OpenSLO comes back as it was."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import yaml
from hypothesis import given
from hypothesis import strategies as st

from slo.objective import Comparison, EmptySlice, LatencySLI, Objective, ProbeSLI, RatioSLI, TimeSlices
from slo.promql.parse import parse_selector
from slo.render.openslo import render_openslo
from slo.spec import load_objectives
from slo.spec.peers import read_peers
from slo.window import CalendarUnit, CalendarWindow, RollingWindow
from tests.rules.objectives import every_kind, of

SELECTORS = st.sampled_from(["a_total", 'a_total{b="c"}', 'x:y{b=~"5..|4\\\\d",c!="a\\"b"}']).map(parse_selector)
SHARES = st.decimals(Decimal("0.0001"), 1, places=5)
SLIS = st.one_of(
    st.builds(RatioSLI, total=SELECTORS, bad=SELECTORS),
    st.builds(RatioSLI, total=SELECTORS, good=SELECTORS),
    st.builds(LatencySLI, histogram=SELECTORS, threshold=st.decimals(Decimal("0.001"), 100, places=3)),
    st.builds(
        ProbeSLI, series=SELECTORS, comparison=st.sampled_from(Comparison), value=st.sampled_from([0.0, 1.5, -2.0])
    ),
)
WINDOWS = st.one_of(
    st.integers(1, 400 * 1440).map(RollingWindow),
    st.builds(CalendarWindow, st.sampled_from(CalendarUnit), st.sampled_from(["UTC", "Europe/Paris"])),
)
SLICES = st.one_of(
    st.none(),
    st.builds(TimeSlices, minutes=st.sampled_from([1, 5, 60]), target_ratio=SHARES, empty=st.sampled_from(EmptySlice)),
)


def there_and_back(objectives: list[Objective]) -> list[Objective]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "openslo.yaml"
        file.write_text(render_openslo(objectives), encoding="utf-8")
        found = read_peers([file], window="30d")
    assert not found.lost
    return load_objectives(found.text)


def test_every_kind_comes_back() -> None:
    assert there_and_back(every_kind()) == every_kind()


@given(SLIS, WINDOWS, SLICES, SHARES, SHARES)
def test_whatever_an_objective_says_comes_back(
    sli: RatioSLI | LatencySLI | ProbeSLI,
    window: RollingWindow | CalendarWindow,
    slices: TimeSlices | None,
    target: Decimal,
    coverage: Decimal,
) -> None:
    one = replace(
        of("bad"), sli=sli, window=window, time_slices=slices, target_ratio=target, min_coverage_ratio=coverage
    )
    assert there_and_back([one]) == [one]


def test_documents_are_openslo() -> None:
    documents = list(yaml.safe_load_all(render_openslo([of("latency")])))
    assert [one["kind"] for one in documents] == ["Service", "SLO"]
    spec = documents[1]["spec"]
    good = spec["indicator"]["spec"]["ratioMetric"]["good"]["metricSource"]["spec"]["query"]
    assert good == 'sum(rate(seconds_bucket{job=~"shop.*",le="0.3"}[{{.window}}]))'
    assert spec["objectives"] == [{"target": 0.95}]
    assert spec["timeWindow"] == [{"duration": "1w", "isRolling": True}]
