"""The section `alerting`: what it may say, windows of one's own, and that it is written out and read back."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo.alert_policy import ABSENT, AlertPolicy, Notification, WindowPair
from slo.errors import Problem, SpecError
from slo.objective import Objective
from slo.spec import dump_objectives, load_files, load_objectives

OBJECTIVES = """\
service: shop
objectives:
  - {name: a, target: 99.9%, window: 30d, sli: {ratio: {bad: b, total: t}}}
"""
WINDOWS = """\
name: mine
pairs:
  - {severity: page, long: 2h, short: 10m, budget_share: 3%}
  - {severity: ticket, long: 3d, short: 6h, budget_share: '0.1'}
"""
PAIRS = (
    WindowPair(severity="page", long_minutes=120, short_minutes=10, budget_share=Fraction(3, 100)),
    WindowPair(severity="ticket", long_minutes=4320, short_minutes=360, budget_share=Fraction(1, 10)),
)


def read(alerting: str) -> Objective:
    [found] = load_objectives(f"{OBJECTIVES}alerting: {alerting}\n")
    return found


def policy(alerting: str) -> AlertPolicy:
    return read(alerting).alert_policy


def problems_of(alerting: str) -> tuple[Problem, ...]:
    with pytest.raises(SpecError) as caught:
        read(alerting)
    return caught.value.problems


def test_what_is_left_out_has_the_documented_default() -> None:
    default = policy("{}")
    assert (default.page, default.ticket) == (Notification(), Notification())
    assert default.absent == ABSENT == Notification(for_minutes=5)
    assert default.needs_evidence
    assert (dict(default.labels), dict(default.annotations), default.dashboard) == ({}, {}, "")


@pytest.mark.parametrize("severity", ["page", "ticket", "absent"])
def test_alerts_of_each_severity_are_raised_as_written(severity: str) -> None:
    entry = "{enabled: false, labels: {team: pay}, annotations: {summary: s}, for: 2m, keep_firing_for: 1h}"
    found = policy(f"{{{severity}: {entry}}}")
    expected = Notification(
        enabled=False,
        labels={"team": "pay"},
        annotations={"summary": "s"},
        for_minutes=2,
        keep_firing_for_minutes=60,
    )
    default = policy("{}")
    for one in ("page", "ticket", "absent"):
        assert getattr(found, one) == (expected if one == severity else getattr(default, one))


@pytest.mark.parametrize("written", ["0", "0s", "0m"])
def test_no_wait_at_all_may_be_written_for_what_waits_by_default(written: str) -> None:
    assert policy(f"{{absent: {{for: {written}}}}}").absent == Notification()


def test_what_goes_onto_every_alert_is_read() -> None:
    found = policy("{labels: {a: b}, annotations: {c: '{{ $value }}'}, dashboard: 'https://d', low_traffic: off}")
    assert (dict(found.labels), dict(found.annotations)) == ({"a": "b"}, {"c": "{{ $value }}"})
    assert (found.dashboard, found.needs_evidence) == ("https://d", False)


@pytest.mark.parametrize(
    ("alerting", "path", "says"),
    [
        ("{page: {enabled: no}}", "alerting.page.enabled", "write true or false"),
        ("{page: {for: 90s}}", "alerting.page.for", "whole number of minutes"),
        ("{ticket: {keep_firing_for: long}}", "alerting.ticket.keep_firing_for", "not a duration"),
        ("{absent: {fro: 5m}}", "alerting.absent.fro", "did you mean 'for'?"),
        ("{absent: {for_minutes: 5m}}", "alerting.absent.for_minutes", "unknown key"),
        ("{page: loud}", "alerting.page", "a mapping"),
        ("{low_traffic: poisson}", "alerting.low_traffic", "write 'binomial' or 'off'"),
        ("{dashboard: d}", "alerting.dashboard", "https://"),
        ("{annotations: {0a: b}}", "alerting.annotations.0a", "label name"),
        ("{labels: {severity: high}}", "alerting.labels.severity", "set by this tool"),
        ("{page: {labels: {slo: x}}}", "alerting.page.labels.slo", "set by this tool"),
        ("{ticket: {labels: {window: x}}}", "alerting.ticket.labels.window", "set by this tool"),
        ("{absent: {labels: {alertname: x}}}", "alerting.absent.labels.alertname", "set by this tool"),
        ("{page: }", "alerting.page", "nothing is written here"),
    ],
)
def test_a_wrong_value_is_told_at_its_place(alerting: str, path: str, says: str) -> None:
    [problem] = problems_of(alerting)
    assert (problem.line, problem.path) == (4, path)
    assert says in problem.message


def test_every_problem_of_the_section_is_told_at_once() -> None:
    found = problems_of("{policy: mine, page: {for: soon, labels: {slo: x}}, low_traffic: no, absent: []}")
    assert [one.path for one in found] == [
        "alerting.policy",
        "alerting.page.for",
        "alerting.page.labels.slo",
        "alerting.low_traffic",
        "alerting.absent",
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An objective file that names windows in a file beside it."""
    (tmp_path / "windows").mkdir()
    (tmp_path / "windows" / "own.yml").write_text(WINDOWS, encoding="utf-8")
    text = f"{OBJECTIVES}alerting:\n  policy: windows/own.yml\n"
    (tmp_path / "shop.yaml").write_text(text, encoding="utf-8")
    return tmp_path


def test_windows_of_ones_own_lie_relative_to_the_objective_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    [found] = load_files([folder / "shop.yaml"]).objectives
    assert found.alert_policy.pairs == PAIRS
    assert found.alert_policy.window_minutes == (10, 120, 360, 4320)


@pytest.mark.parametrize(
    ("windows", "says"),
    [
        (None, "cannot be read: No such file or directory"),
        ("", "is empty"),
        ("name: [", "YAML"),
        ("pairs: []\n", "own.yml:1:1: the key 'name' is missing"),
        ("name: a\npairs: []\n", "own.yml:2:8: pairs: at least one entry"),
        ("name: a\npairs: \n", "own.yml:2:7: pairs: nothing is written here"),
        (WINDOWS.replace("2h", "soon"), "own.yml:3:28: pairs[0].long: 'soon' is not a duration"),
        (WINDOWS.replace("3%", "[3%]"), "own.yml:3:58: pairs[0].budget_share: a plain value"),
        (WINDOWS.replace("3%", "much"), "pairs[0].budget_share: 'much' is not a ratio"),
        (WINDOWS.replace("page", "mail"), "pairs[0].severity: write 'page' or 'ticket'"),
        (WINDOWS.replace("long", "lang"), "own.yml:3:5: pairs[0]: the key 'long' is missing"),
        (f"{WINDOWS}nme: x\n", "own.yml:5:1: nme: unknown key 'nme'; did you mean 'name'?"),
        (WINDOWS.replace("10m", "2h"), "the short window of a pair must be shorter"),
        (WINDOWS + WINDOWS.splitlines()[2] + "\n" + (WINDOWS.splitlines()[2] + "\n") * 20, "at most 20 entries"),
        (f"{WINDOWS}---\n{WINDOWS}", "must hold one short document"),
        (WINDOWS + "#" * 65_536, "must hold one short document"),
        (b"\xff", "UTF-8"),
    ],
)
def test_what_is_wrong_with_windows_is_told_where_they_are_named(
    folder: Path, windows: str | bytes | None, says: str
) -> None:
    file = folder / "windows" / "own.yml"
    if windows is None:
        file.unlink()
    else:
        file.write_bytes(windows if isinstance(windows, bytes) else windows.encode())
    with pytest.raises(SpecError) as caught:
        load_files([folder / "shop.yaml"])
    [problem] = [one for one in caught.value.problems if one.file.endswith("shop.yaml")]
    assert (problem.line, problem.column, problem.path) == (5, 11, "alerting.policy")
    assert "own.yml" in problem.message
    assert says in problem.message


names = st.from_regex(r"[a-z]{3,8}_x", fullmatch=True)
labels = st.dictionaries(names, st.text(max_size=12), max_size=2)
waits = st.integers(0, 100_000)
links = st.just("") | st.text(max_size=12).map(lambda text: f"https://{text}")
notifications = st.builds(
    Notification,
    enabled=st.booleans(),
    labels=labels,
    annotations=labels,
    for_minutes=waits,
    keep_firing_for_minutes=waits,
)


@settings(deadline=None)
@given(
    st.builds(
        AlertPolicy,
        name=st.just("sre-workbook"),
        pairs=st.just(policy("{}").pairs),
        runbook=links,
        dashboard=links,
        labels=labels,
        annotations=labels,
        page=notifications,
        ticket=notifications,
        absent=notifications,
        needs_evidence=st.booleans(),
    )
)
def test_what_is_written_out_is_read_back_equal(written: AlertPolicy) -> None:
    objective = replace(read("{}"), alert_policy=written)
    assert load_objectives(dump_objectives([objective])) == [objective]


def test_windows_of_ones_own_are_written_out_by_their_file(folder: Path) -> None:
    [found] = load_files([folder / "shop.yaml"]).objectives
    (copy := folder / "copy.yaml").write_text(dump_objectives([found]), encoding="utf-8")
    assert load_files([copy]).objectives == (found,)
