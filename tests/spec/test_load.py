"""Right files: what they say, whole folders of them, and that what is written out is read back."""

from __future__ import annotations

import resource
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo.alert_policy import AlertPolicy, WindowPair
from slo.errors import SpecError
from slo.gate import BurnLimit, WarnLevel
from slo.objective import (
    SLI,
    Comparison,
    EmptySlice,
    LatencySLI,
    Objective,
    ProbeSLI,
    RatioSLI,
    TimeSlices,
)
from slo.promql.parse import parse_selector
from slo.selector import Matcher, MatchOp, Selector
from slo.spec import dump_objectives, load_files, load_objectives
from slo.window import CalendarUnit, CalendarWindow, RollingWindow

CLOUDSHOP = Path(__file__).parents[2] / "examples" / "cloudshop.yaml"
WORKBOOK = AlertPolicy(
    name="sre-workbook",
    pairs=(
        WindowPair(severity="page", long_minutes=60, short_minutes=5, budget_share=Fraction(2, 100)),
        WindowPair(severity="page", long_minutes=360, short_minutes=30, budget_share=Fraction(5, 100)),
        WindowPair(severity="ticket", long_minutes=1440, short_minutes=120, budget_share=Fraction(10, 100)),
        WindowPair(severity="ticket", long_minutes=4320, short_minutes=360, budget_share=Fraction(10, 100)),
    ),
)


def one(fields: str = "", *, head: str = "", target: str = "99.9%", window: str = "30d", sli: str = "") -> Objective:
    sli = sli or "{ratio: {bad: b, total: t}}"
    text = (
        f"service: shop\n{head}objectives:\n  - name: a\n    target: {target}\n    window: {window}\n    sli: {sli}\n"
    )
    [found] = load_objectives(text + (f"    {fields}\n" if fields else ""))
    return found


def test_what_is_left_out_has_the_documented_default() -> None:
    assert one() == Objective(
        service="shop",
        name="a",
        target_ratio=Decimal("0.999"),
        window=RollingWindow(43_200),
        sli=RatioSLI(total=Selector("t"), bad=Selector("b")),
        alert_policy=WORKBOOK,
        description="",
        labels={},
        min_coverage_ratio=Decimal("0.9"),
        min_observed_ratio=Decimal("0.1"),
        group_by=(),
        max_groups=200,
        time_slices=None,
    )


@pytest.mark.parametrize(
    ("text", "ratio"),
    [
        ("99.9%", "0.999"),
        ("0.999", "0.999"),
        ("0.9990", "0.999"),
        ("99.999999999999%", "0.99999999999999"),
        ("100%", "1"),
        ("1", "1"),
        ("0.5%", "0.005"),
        ("'99.9 %'", "0.999"),
    ],
)
def test_a_target_is_exactly_what_was_written(text: str, ratio: str) -> None:
    assert one(target=text).target_ratio == Decimal(ratio)


@pytest.mark.parametrize(
    ("text", "minutes"), [("1m", 1), ("60s", 1), ("1h30m", 90), ("30d", 43_200), ("4w", 40_320), ("5y", 2_628_000)]
)
def test_a_window_is_in_whole_minutes(text: str, minutes: int) -> None:
    assert one(window=text).window == RollingWindow(minutes)


def test_a_window_by_the_calendar_is_in_utc_unless_told() -> None:
    assert one(window="{calendar: week}").window == CalendarWindow(CalendarUnit.WEEK, "UTC")
    expected = CalendarWindow(CalendarUnit.QUARTER, "Europe/Paris")
    assert one(window="{calendar: quarter, time_zone: Europe/Paris}").window == expected


@pytest.mark.parametrize(
    ("sli", "expected"),
    [
        ("{ratio: {good: 'g{a!=\"b\"}', total: t}}", RatioSLI(total=Selector("t"), good=parse_selector('g{a!="b"}'))),
        (
            "{latency: {histogram: h, threshold: 300ms}}",
            LatencySLI(histogram=Selector("h"), threshold=Decimal("0.3")),
        ),
        (
            "{latency: {histogram: h, threshold: 300ms, unit: milliseconds}}",
            LatencySLI(histogram=Selector("h"), threshold=Decimal(300)),
        ),
        (
            "{latency: {histogram: h, threshold: 1m40s, unit: seconds}}",
            LatencySLI(histogram=Selector("h"), threshold=Decimal(100)),
        ),
        (
            "{latency: {histogram: h, threshold: 0.25ms, unit: seconds}}",
            LatencySLI(histogram=Selector("h"), threshold=Decimal("0.00025")),
        ),
        (
            '{probe: {series: p, good_when: "== 1"}}',
            ProbeSLI(series=Selector("p"), comparison=Comparison.EQUAL, value=1.0),
        ),
        (
            '{probe: {series: p, good_when: ">=-0.5"}}',
            ProbeSLI(series=Selector("p"), comparison=Comparison.GREATER_OR_EQUAL, value=-0.5),
        ),
    ],
)
def test_each_kind_of_sli_is_read(sli: str, expected: SLI) -> None:
    assert one(sli=sli).sli == expected


def test_an_objective_adds_to_the_labels_of_its_service() -> None:
    found = one("labels: {tier: '1', team: pay}", head="labels: {team: shop, area: eu}\n")
    assert dict(found.labels) == {"team": "pay", "area": "eu", "tier": "1"}


@pytest.mark.parametrize(
    ("head", "fields", "server"),
    [
        ("", "", ""),
        ("prometheus: eu\n", "", "eu"),
        ("", "prometheus: us", "us"),
        ("prometheus: eu\n", "prometheus: us", "us"),
        ("prometheus: eu\n", "prometheus: default", ""),
    ],
)
def test_the_server_of_an_objective_wins_over_that_of_its_document(head: str, fields: str, server: str) -> None:
    assert one(fields, head=head).prometheus == server


def test_scalars_are_text_and_nothing_is_guessed() -> None:
    found = one("labels: {a: no, b: 2026-11-01, c: 0o17, d: 1_000, e: '', f: 'null'}")
    assert dict(found.labels) == {"a": "no", "b": "2026-11-01", "c": "0o17", "d": "1_000", "e": "", "f": "null"}


def test_time_slices_and_groups_are_read() -> None:
    found = one(
        "time_slices: {length: 5m, target: 95%, empty: exclude}\n    group_by: [service, pod]\n    max_groups: 7"
    )
    assert found.time_slices == TimeSlices(minutes=5, target_ratio=Decimal("0.95"), empty=EmptySlice.EXCLUDE)
    assert (found.group_by, found.max_groups) == (("service", "pod"), 7)


def test_the_runbook_goes_with_the_alert_policy() -> None:
    found = one(head="alerting: {runbook: 'https://example.com/shop'}\n")
    assert found.alert_policy.runbook == "https://example.com/shop"
    assert found.alert_policy.pairs == WORKBOOK.pairs


def test_the_example_says_what_it_promises() -> None:
    spec = load_files([CLOUDSHOP])
    by_id = {one.id: one for one in spec.objectives}
    availability, latency = by_id["cloudshop/availability"], by_id["cloudshop/latency"]
    assert (availability.target_ratio, availability.window) == (Decimal("0.999"), RollingWindow(43_200))
    assert isinstance(availability.sli, RatioSLI)
    assert availability.sli.bad == parse_selector('http_requests_total{namespace="cloudshop-prod",status=~"5.."}')
    assert (latency.target_ratio, latency.window) == (Decimal("0.95"), RollingWindow(28 * 1440))
    assert "cloudshop/reachable" in by_id
    assert any(isinstance(one.window, CalendarWindow) for one in spec.objectives)
    assert {gate.name for gate in spec.gates} == {"deploy", "chaos"}


def test_a_gate_is_read_with_its_defaults_and_in_its_units() -> None:
    [chaos] = [gate for gate in load_files([CLOUDSHOP]).gates if gate.name == "chaos"]
    assert chaos.objectives == ("cloudshop/*",)
    assert chaos.min_budget_remaining_ratio == Decimal("0.25")
    assert [(one.long_minutes, one.short_minutes, one.max_burn_rate) for one in chaos.max_burn_rate] == [
        (60, None, Decimal(1)),
        (360, None, Decimal(1)),
    ]
    assert chaos.max_data_age_seconds == 300
    assert chaos.freeze == ()


def test_a_file_may_hold_gates_alone(tmp_path: Path) -> None:
    (file := tmp_path / "g.yaml").write_text("gates: [{name: g, objectives: ['*']}]\n", encoding="utf-8")
    assert [gate.name for gate in load_files([file]).gates] == ["g"]


def test_empty_documents_between_others_are_passed_over() -> None:
    text = dump_objectives([one()])
    assert load_objectives(f"---\n---\n{text}...\n---\n") == [one()]


def test_a_freeze_keeps_its_times_and_reason(tmp_path: Path) -> None:
    (file := tmp_path / "g.yaml").write_text(
        "service: shop\ngates:\n  - name: g\n    objectives: ['shop/*', {team: shop}]\n    freeze:\n"
        "      - {start: '2026-12-24T00:00:00+01:00', end: 2026-12-27T00:00:00Z, reason: Christmas}\n",
        encoding="utf-8",
    )
    [gate] = load_files([file]).gates
    [freeze] = gate.freeze
    assert freeze.start == datetime(2026, 12, 24, tzinfo=UTC) - timedelta(hours=1)
    assert (freeze.end, freeze.reason) == (datetime(2026, 12, 27, tzinfo=UTC), "Christmas")


def test_a_gate_may_say_much(tmp_path: Path) -> None:
    (file := tmp_path / "g.yaml").write_text(
        """
gates:
  - name: g
    description: Deploys
    objectives: [shop/a]
    max_burn_rate: {1h/5m: 14.4, 6h: 6}
    min_coverage: 95%
    evidence: off
    on_unknown: {insufficient: allow}
    warn: {min_budget_remaining: 50%, max_burn_rate: {6h: 1}}
    dry_run: true
""",
        encoding="utf-8",
    )
    [gate] = load_files([file]).gates
    assert gate.max_burn_rate == (
        BurnLimit(long_minutes=60, short_minutes=5, max_burn_rate=Decimal("14.4")),
        BurnLimit(long_minutes=360, max_burn_rate=Decimal(6)),
    )
    assert (gate.min_coverage_ratio, gate.needs_evidence, gate.dry_run) == (Decimal("0.95"), False, True)
    assert gate.warn == WarnLevel(
        min_budget_remaining_ratio=Decimal("0.5"),
        max_burn_rate=(BurnLimit(long_minutes=360, max_burn_rate=Decimal(1)),),
    )
    assert gate.allows_unknown("insufficient")
    assert not gate.allows_unknown("stale")


def test_a_freeze_recurs_at_its_hour_when_the_clocks_change(tmp_path: Path) -> None:
    """Fridays at 16:00 in Paris: UTC+2 in summer and UTC+1 from 25 October on."""
    (file := tmp_path / "g.yaml").write_text(
        "gates:\n  - name: g\n    objectives: [shop/a]\n    freeze:\n"
        "      - {start: '2026-01-02T16:00', duration: 8h, rrule: FREQ=WEEKLY;BYDAY=FR, time_zone: Europe/Paris,"
        " reason: weekend}\n",
        encoding="utf-8",
    )
    [gate] = load_files([file]).gates
    [freeze] = gate.freeze
    summer, winter = datetime(2026, 10, 23, 14, tzinfo=UTC), datetime(2026, 10, 30, 15, tzinfo=UTC)
    for start in (summer, winter):
        assert freeze.until(start - timedelta(seconds=1)) is None
        assert freeze.until(start) == start + timedelta(hours=8)
        assert freeze.until(start + timedelta(hours=8)) is None
        assert freeze.next_change(start - timedelta(seconds=1)) == start


def test_a_folder_is_every_yaml_file_under_it_in_order(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for file, name in (("b.yml", "b"), ("a.yaml", "a"), ("sub/c.yaml", "c")):
        (tmp_path / file).write_text(dump_objectives([one()]).replace("name: a", f"name: {name}"), encoding="utf-8")
    (tmp_path / "notes.txt").write_text("not: [yaml", encoding="utf-8")
    assert [found.name for found in load_files([tmp_path]).objectives] == ["a", "b", "c"]


def test_a_byte_order_mark_is_read_over() -> None:
    assert load_objectives("\ufeff" + dump_objectives([one()])) == [one()]


def test_a_mounted_config_map_is_read_once(tmp_path: Path) -> None:
    """Kubernetes mounts each key as a link to ..data, itself a link to a folder with the time in its name."""
    (data := tmp_path / "..2026_11_01").mkdir()
    (data / "shop.yaml").write_text(dump_objectives([one()]), encoding="utf-8")
    (tmp_path / "..data").symlink_to(data.name)
    (tmp_path / "shop.yaml").symlink_to("..data/shop.yaml")
    assert [found.id for found in load_files([tmp_path]).objectives] == ["shop/a"]


def test_a_file_that_is_named_twice_is_read_once(tmp_path: Path) -> None:
    (file := tmp_path / "shop.yaml").write_text(dump_objectives([one()]), encoding="utf-8")
    assert len(load_files([file, tmp_path]).objectives) == 1


def test_a_folder_may_hold_more_files_than_can_be_open_at_once(tmp_path: Path) -> None:
    for number in range(300):
        text = dump_objectives([replace(one(), name=f"o{number}")])
        (tmp_path / f"{number}.yaml").write_text(text, encoding="utf-8")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        assert len(load_files([tmp_path]).objectives) == 300
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_problems_far_apart_in_many_documents_are_found_without_reading_anew_for_each() -> None:
    document = dump_objectives([one()])
    started = time.perf_counter()
    with pytest.raises(SpecError) as caught:
        load_objectives("---\n".join([document] * 300))
    assert len(caught.value.problems) == 299
    assert time.perf_counter() - started < 2, "a tenth of a second is usual"


slugs = st.from_regex(r"[a-z0-9]([-a-z0-9_]{0,10}[a-z0-9])?", fullmatch=True)
label_names = st.from_regex(r"[a-z][a-z0-9_]{0,6}", fullmatch=True).filter(
    lambda name: not name.startswith("slo") and name not in ("window", "severity", "le")
)
texts = st.text(max_size=12)
ratios = st.integers(1, 10**9).map(lambda number: Decimal(number) / 10**9)
selectors = st.builds(
    Selector,
    st.from_regex(r"[a-z]{3,8}_total", fullmatch=True) | st.sampled_from(["http.requests", "x_milliseconds"]),
    st.frozensets(
        st.builds(Matcher, label_names, st.sampled_from([MatchOp.EQUAL, MatchOp.NOT_EQUAL]), texts), max_size=2
    ),
)
thresholds = st.integers(1, 10**7).map(lambda microseconds: Decimal(microseconds) / 10**6)
slis = st.one_of(
    st.builds(lambda total, bad: RatioSLI(total=total, bad=bad), selectors, selectors),
    st.builds(lambda total, good: RatioSLI(total=total, good=good), selectors, selectors),
    st.builds(LatencySLI, histogram=selectors, threshold=thresholds),
    st.builds(
        ProbeSLI,
        series=selectors,
        comparison=st.sampled_from(Comparison),
        value=st.floats(allow_nan=False, allow_infinity=False),
    ),
)
windows = st.one_of(
    st.builds(RollingWindow, st.integers(1, 2_628_000)),
    st.builds(
        CalendarWindow, st.sampled_from(CalendarUnit), st.sampled_from(["UTC", "Europe/Paris", "America/New_York"])
    ),
)
slices = st.builds(
    TimeSlices, minutes=st.sampled_from([1, 5, 60, 1440]), target_ratio=ratios, empty=st.sampled_from(EmptySlice)
)


@st.composite
def objectives(draw: st.DrawFn) -> Objective:
    groups = draw(st.lists(label_names, max_size=2, unique=True))
    labels = draw(st.dictionaries(label_names.filter(lambda name: name not in groups), texts, max_size=3))
    fields: dict[str, Any] = {
        "target_ratio": draw(ratios),
        "window": draw(windows),
        "sli": draw(slis),
        "description": draw(texts),
        "min_coverage_ratio": draw(ratios),
        "min_observed_ratio": draw(ratios),
        "max_groups": draw(st.integers(1, 10_000)),
        "time_slices": draw(st.none() | slices),
        "prometheus": draw(st.just("") | slugs.filter(lambda name: name != "default")),
    }
    return Objective(
        service=draw(slugs), name=draw(slugs), alert_policy=WORKBOOK, labels=labels, group_by=tuple(groups), **fields
    )


@settings(deadline=None)
@given(st.lists(objectives(), max_size=4, unique_by=lambda one: one.id))
def test_what_is_written_out_is_read_back_equal(written: list[Objective]) -> None:
    if written:
        assert load_objectives(dump_objectives(written)) == written
