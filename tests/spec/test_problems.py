"""Wrong files: what is said about each, and where. Messages are compared by the part that a reader acts on."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from slo.errors import Problem, SpecError
from slo.spec import load_files, load_objectives

RATIO = "{ratio: {bad: b_total, total: t_total}}"
GOOD = f"""\
service: shop
objectives:
  - name: a
    target: 99.9%
    window: 30d
    sli: {RATIO}
"""
OBJECTIVES_ALONE = GOOD.removeprefix("service: shop\n")


def problems_of(text: str) -> tuple[Problem, ...]:
    with pytest.raises(SpecError) as caught:
        load_objectives(text, file="f.yaml")
    return caught.value.problems


def objective(*, without: str = "", **fields: str) -> str:
    """A valid file whose one objective is changed: line 3 begins it, and what is added comes last."""
    values = {"name": "a", "target": "99.9%", "window": "30d", "sli": RATIO} | fields
    lines = [f"    {key}: {value}\n" for key, value in values.items() if key != without]
    return "service: shop\nobjectives:\n" + "  - " + "".join(lines)[4:]


def test_the_file_that_the_others_are_made_from_is_right() -> None:
    assert [one.id for one in load_objectives(GOOD)] == ["shop/a"]
    assert load_objectives(objective()) == load_objectives(GOOD)


@pytest.mark.parametrize(
    ("fields", "place", "path", "says"),
    [
        ({"target": "0"}, "4:13", "objectives[0].target", "over 0"),
        ({"target": "0%"}, "4:13", "objectives[0].target", "over 0"),
        ({"target": "100.1%"}, "4:13", "objectives[0].target", "at most 100"),
        ({"target": "99.9"}, "4:13", "objectives[0].target", "write 99.9%"),
        ({"target": "99"}, "4:13", "objectives[0].target", "write 99%"),
        ({"target": "-1%"}, "4:13", "objectives[0].target", "not a ratio"),
        ({"target": ".nan"}, "4:13", "objectives[0].target", "not a ratio"),
        ({"target": "1e-1"}, "4:13", "objectives[0].target", "not a ratio"),
        ({"target": "ninety"}, "4:13", "objectives[0].target", "99.9%"),
        ({"target": "[99.9%]"}, "4:13", "objectives[0].target", ""),
        ({"target": "{a: b}"}, "4:13", "objectives[0].target", ""),
        ({"name": "A b"}, "3:11", "objectives[0].name", "63"),
        ({"name": "-a"}, "3:11", "objectives[0].name", "letter or digit"),
        ({"name": "a" * 64}, "3:11", "objectives[0].name", "63"),
        ({"window": "30 days"}, "5:13", "objectives[0].window", "30d"),
        ({"window": "30s"}, "5:13", "objectives[0].window", "minute"),
        ({"window": "90s"}, "5:13", "objectives[0].window", "minute"),
        ({"window": "0m"}, "5:13", "objectives[0].window", "minute"),
        ({"window": "5y1m"}, "5:13", "objectives[0].window", "five years"),
        ({"window": "{calendar: fortnight}"}, "5:24", "objectives[0].window.calendar", "month"),
        ({"window": "{calendar: month, time_zone: Mars/Base}"}, "5:42", "objectives[0].window.time_zone", "time zone"),
        ({"window": "{calendar: day, time_zone: ../../etc/passwd}"}, "5:40", "objectives[0].window.time_zone", "zone"),
        ({"window": "{calendar: day, time_zone: Europe}"}, "5:40", "objectives[0].window.time_zone", "time zone"),
        ({"window": "{calendar: month, zone: UTC}"}, "5:31", "objectives[0].window.zone", "time_zone"),
        ({"sli": "{}"}, "6:10", "objectives[0].sli", "exactly one"),
        (
            {"sli": "{ratio: {bad: b, total: t}, probe: {series: p, good_when: == 1}}"},
            "6:10",
            "objectives[0].sli",
            "exactly one",
        ),
        ({"sli": "{ratio: {total: t}}"}, "6:18", "objectives[0].sli.ratio", "good"),
        ({"sli": "{ratio: {total: t, bad: b, good: g}}"}, "6:18", "objectives[0].sli.ratio", "good"),
        ({"sli": "{ratio: {bad: 'rate(x[5m])', total: t}}"}, "6:24", "objectives[0].sli.ratio.bad", "rate()"),
        ({"sli": "{ratio: {bad: 'x offset 5m', total: t}}"}, "6:24", "objectives[0].sli.ratio.bad", "offset"),
        ({"sli": "{ratio: {bad: 'x[5m]', total: t}}"}, "6:24", "objectives[0].sli.ratio.bad", "range"),
        ({"sli": "{ratio: {bad: 'x @ 5', total: t}}"}, "6:24", "objectives[0].sli.ratio.bad", "@"),
        ({"sli": '{ratio: {bad: \'x{a="b" or c="d"}\', total: t}}'}, "6:24", "objectives[0].sli.ratio.bad", "`or`"),
        ({"sli": "{ratio: {bad: 'x{a=~\"(\"}', total: t}}"}, "6:24", "objectives[0].sli.ratio.bad", "regex"),
        (
            {"sli": "{latency: {histogram: x_bucket, threshold: 1s}}"},
            "6:",
            "objectives[0].sli.latency",
            "without _bucket",
        ),
        (
            {"sli": "{latency: {histogram: x, threshold: 0s}}"},
            "6:46",
            "objectives[0].sli.latency.threshold",
            "300ms",
        ),
        (
            {"sli": "{latency: {histogram: x, threshold: 1s, unit: hours}}"},
            "6:56",
            "objectives[0].sli.latency.unit",
            "seconds",
        ),
        ({"sli": "{probe: {series: p, good_when: about 1}}"}, "6:41", "objectives[0].sli.probe.good_when", "== 1"),
        ({"min_coverage": "101%"}, "7:19", "objectives[0].min_coverage", "100"),
        ({"prometheus": "E U"}, "7:17", "objectives[0].prometheus", "at most 63"),
        ({"max_groups": "0"}, "7:17", "objectives[0].max_groups", "1"),
        ({"max_groups": "many"}, "7:17", "objectives[0].max_groups", "whole number"),
        ({"group_by": "[0a]"}, "7:16", "objectives[0].group_by[0]", "label name"),
        ({"group_by": "[__name__]"}, "7:16", "objectives[0].group_by[0]", "label name"),
        ({"group_by": "[pod, slo]"}, "7:21", "objectives[0].group_by[1]", "slo"),
        ({"group_by": "pod"}, "7:15", "objectives[0].group_by", "list"),
        ({"labels": "{slo: x}"}, "7:14", "objectives[0].labels.slo", "slo"),
        ({"labels": "{slo_service: x}"}, "7:14", "objectives[0].labels.slo_service", "slo_service"),
        ({"labels": "{a-b: x}"}, "7:14", "objectives[0].labels.a-b", "label name"),
        ({"time_slices": "{length: 7m, target: 95%, empty: bad}"}, "7:", "objectives[0].time_slices", "divide a day"),
        ({"time_slices": "{length: 30s, target: 95%, empty: bad}"}, "7:27", "objectives[0].time_slices.length", "min"),
        ({"time_slices": "{length: 1m, target: 95%, empty: ugly}"}, "7:51", "objectives[0].time_slices.empty", "bad"),
        ({"description": ""}, "7:17", "objectives[0].description", "nothing is written here"),
        ({"labels": "{a: ~}"}, "7:17", "objectives[0].labels.a", "nothing is written here"),
        ({"sli": "{ratio: {bad: , total: t}}"}, "6:24", "objectives[0].sli.ratio.bad", "nothing is written here"),
        ({"sli": "{ratio: }"}, "6:18", "objectives[0].sli.ratio", "nothing is written here"),
        ({"window": "{calendar: day, time_zone: right/UTC}"}, "5:40", "objectives[0].window.time_zone", "time zone"),
        ({"window": "{calendar: day, time_zone: posixrules}"}, "5:40", "objectives[0].window.time_zone", "time zone"),
        ({"labels": "{window: x}"}, "7:14", "objectives[0].labels.window", "window"),
        ({"sli": "{probe: {series: p, good_when: == 1e999}}"}, "6:41", "objectives[0].sli.probe.good_when", "== 1"),
        ({"taget": "99%"}, "7:5", "objectives[0].taget", "target"),
    ],
)
def test_a_wrong_value_is_told_at_its_place(fields: dict[str, str], place: str, path: str, says: str) -> None:
    [problem] = problems_of(objective(**fields))
    assert str(problem).startswith(f"f.yaml:{place}")
    assert problem.path.startswith(path)
    assert says in problem.message


@pytest.mark.parametrize("key", ["name", "target", "window", "sli"])
def test_a_missing_key_is_told_at_the_objective_that_lacks_it(key: str) -> None:
    problems = problems_of(objective(without=key).replace("  - ", "  -\n    ", 1))
    assert [(one.line, one.column) for one in problems] == [(4, 5)]
    assert f"'{key}'" in problems[0].message
    assert "missing" in problems[0].message


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("", "f.yaml: ", "empty"),
        ("# nothing\n", "f.yaml: ", "empty"),
        ("service: [\n", "f.yaml:2:1: ", "YAML"),
        ("a: b: c\n", "f.yaml:1:5: ", "mapping values are not allowed"),
        ("service: shop\n\tobjectives: []\n", "f.yaml:2:", ""),
        ("service: a\nlabels: &l {a: b}\nobjectives: []\n", "f.yaml:2:9: ", "anchors and aliases are not accepted"),
        ("service: a\nlabels: *l\nobjectives: []\n", "f.yaml:2:9: ", "anchors and aliases are not accepted"),
        ("service: !!str a\nobjectives: []\n", "f.yaml:1:10: ", "tag"),
        ("service: a\nlabels: {<<: {a: b}}\nobjectives: []\n", "f.yaml:2:10: ", "merge keys"),
        ("service: a\n? {b: c}\n: d\n", "f.yaml:2:3: ", "key must be plain text"),
        ("service: a\nservice: b\n", "f.yaml:2:1: ", "line 1"),
        ("just text\n", "f.yaml:1:1: ", "mapping"),
        ("- a\n", "f.yaml:1:1: ", "mapping"),
        ("service: sh\x00op\n", "f.yaml:1:12: ", "U+0000"),
        ("a: b\nc: \x1bd\n", "f.yaml:2:4: ", "U+001B"),
        (OBJECTIVES_ALONE, "f.yaml:1:1: ", "'service' is missing"),
    ],
)
def test_what_is_no_plain_yaml_is_told_at_its_place(text: str, place: str, says: str) -> None:
    first = problems_of(text)[0]
    assert str(first).startswith(place)
    assert says in first.message


def test_every_problem_is_told_at_once_in_the_order_of_the_lines() -> None:
    text = """\
service: Shop
labels: {0a: b, team: shop}
objectives:
  - name: a
    target: 101%
    window: soon
    sli: {ratio: {bad: 'rate(x[5m])', total: 'x['}}
  - name: b
    target: 99.9
    windw: 30d
    sli: {}
gates:
  - name: g
    objectives: []
    max_burn_rate: {1h: fast}
"""
    found = [(one.line, one.path) for one in problems_of(text)]
    assert found == [
        (1, "service"),
        (2, "labels.0a"),
        (5, "objectives[0].target"),
        (6, "objectives[0].window"),
        (7, "objectives[0].sli.ratio.bad"),
        (7, "objectives[0].sli.ratio.total"),
        (8, "objectives[1]"),
        (9, "objectives[1].target"),
        (10, "objectives[1].windw"),
        (11, "objectives[1].sli"),
        (14, "gates[0].objectives"),
        (15, "gates[0].max_burn_rate.1h"),
    ]


def test_an_unknown_alert_policy_is_told_with_those_there_are() -> None:
    [problem] = problems_of(f"{GOOD}alerting: {{policy: mine}}\n")
    assert (problem.line, problem.column, problem.path) == (7, 20, "alerting.policy")
    assert "sre-workbook" in problem.message


def test_a_runbook_that_is_no_web_address_is_refused() -> None:
    [problem] = problems_of(f"{GOOD}alerting: {{runbook: 'javascript:alert(1)'}}\n")
    assert (problem.line, problem.path) == (7, "alerting.runbook")
    assert "https://" in problem.message


def test_a_thousand_problems_of_a_file_are_listed_and_the_rest_counted() -> None:
    problems = problems_of(GOOD + "".join(f"key{number}: x\n" for number in range(1200)))
    assert len(problems) == 1001
    assert "200 more" in problems[-1].message


def test_a_label_of_the_service_may_not_be_a_group_too() -> None:
    [problem] = problems_of("labels: {pod: x}\n" + objective(group_by="[pod]"))
    assert "pod" in problem.message


@pytest.mark.parametrize(
    ("gate", "path", "says"),
    [
        ("{objectives: [a/b]}", "gates[0]", "missing"),
        ("{name: g}", "gates[0]", "missing"),
        ("{name: g, objectives: [a/b], on_unknown: maybe}", "gates[0].on_unknown", "allow"),
        ("{name: g, objectives: [a/b], on_unknown: {stale: maybe}}", "gates[0].on_unknown.stale", "allow"),
        ("{name: g, objectives: [a/b], on_unknown: {tired: deny}}", "gates[0].on_unknown.tired", "stale"),
        ("{name: g, objectives: [a/b], min_budget_remaining: 25}", "gates[0].min_budget_remaining", "%"),
        ("{name: g, objectives: [a/b], max_burn_rate: {1x: 1}}", "gates[0].max_burn_rate.1x", "duration"),
        ("{name: g, objectives: [a/b], max_burn_rate: {1h: 1, 60m: 2}}", "gates[0].max_burn_rate", "equally long"),
        ("{name: g, objectives: ['']}", "gates[0].objectives[0]", "needed"),
        ("{name: g, objectives: [{}]}", "gates[0].objectives[0]", "needed"),
        ("{name: g, objectives: [a/b], max_data_age: soon}", "gates[0].max_data_age", "duration"),
        ("{name: g, objectives: [a/b], max_data_age: 1m}", "gates[0].max_data_age", "write 2m or more"),
        (
            "{name: g, objectives: [a/b], freeze: [{start: 2026-12-24, end: 2026-12-25, reason: x}]}",
            "gates[0].freeze[0].start",
            "2026-11-01T00:00:00Z",
        ),
        (
            "{name: g, objectives: [a], freeze: [{start: 2026-12-25T00:00:00Z, end: 2026-12-24T00:00:00Z, reason: y}]}",
            "gates[0].freeze[0]",
            "ends after",
        ),
        ("{name: g, objectives: [a/b], on_unknown: {tired: allow}}", "gates[0].on_unknown.tired", "insufficient"),
        ("{name: g, objectives: [a/b], evidence: maybe}", "gates[0].evidence", "binomial"),
        ("{name: g, objectives: [a/b], dry_run: yes}", "gates[0].dry_run", "true or false"),
        ("{name: g, objectives: [a/b], max_burn_rate: {5m/1h: 1}}", "gates[0].max_burn_rate.5m/1h", "longer one"),
        ("{name: g, objectives: [a/b], max_burn_rate: {1h/: 1}}", "gates[0].max_burn_rate.1h/", "duration"),
        ("{name: g, objectives: [a/b], warn: {max_data_age: 5m}}", "gates[0].warn.max_data_age", "max_burn_rate"),
        (
            "{name: g, objectives: [a], freeze: [{start: '2026-12-24T00:00:00', duration: 1d, reason: y}]}",
            "gates[0].freeze[0]",
            "2026-12-24T00:00:00Z, or time_zone",
        ),
        (
            "{name: g, objectives: [a], freeze: [{start: 2026-12-24T00:00:00Z, reason: y}]}",
            "gates[0].freeze[0]",
            "the end or the duration",
        ),
        (
            "{name: g, objectives: [a], maintenance: [{start: 2026-12-24T00:00:00Z, duration: 1h,"
            " rrule: FREQ=SECONDLY, reason: y}]}",
            "gates[0].maintenance[0]",
            "FREQ out of DAILY",
        ),
        (
            "{name: g, objectives: [a], freeze: [{start: 2026-12-24T00:00:00Z, duration: 40d,"
            " rrule: FREQ=YEARLY, reason: y}]}",
            "gates[0].freeze[0]",
            "31 days",
        ),
    ],
)
def test_a_wrong_gate_is_told_at_its_place(gate: str, path: str, says: str) -> None:
    problem = problems_of(f"{GOOD}gates:\n  - {gate}\n")[0]
    assert problem.line == 8
    assert problem.path.startswith(path)
    assert says in problem.message


def test_names_are_unique_over_documents_and_files(tmp_path: Path) -> None:
    gate = "gates: [{name: g, objectives: ['*']}]\n"
    first, second = tmp_path / "1.yaml", tmp_path / "2.yaml"
    first.write_text(f"{GOOD}{gate}---\n{GOOD}", encoding="utf-8")
    second.write_text(f"{GOOD.replace('shop', 'other')}{gate}", encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        load_files([tmp_path])
    within, across = caught.value.problems
    assert (within.file, within.line, within.path) == (str(first), 11, "objectives[0].name")
    assert "shop/a" in within.message
    assert f"{first}:3" in within.message
    assert (across.file, across.line, across.path) == (str(second), 7, "gates[0].name")
    assert f"{first}:7" in across.message


def test_names_are_compared_even_where_something_else_is_wrong() -> None:
    problems = problems_of(f"{GOOD}---\n{GOOD.replace('99.9%', '101%')}")
    assert [one.path for one in problems] == ["objectives[0].name", "objectives[0].target"]


def test_what_cannot_be_read_is_a_problem_of_its_file_and_the_others_are_still_checked(tmp_path: Path) -> None:
    (empty := tmp_path / "folder").mkdir()
    (binary := tmp_path / "binary.yaml").write_bytes(b"service: \xff\xfe\n")
    (wrong := tmp_path / "wrong.yaml").write_text(objective(target="0"), encoding="utf-8")
    missing = tmp_path / "missing.yaml"
    with pytest.raises(SpecError) as caught:
        load_files([missing, empty, binary, wrong])
    assert [(one.file, one.line) for one in caught.value.problems] == [
        (str(missing), 0),
        (str(empty), 0),
        (str(binary), 1),
        (str(wrong), 4),
    ]
    assert "No such file or directory" in caught.value.problems[0].message
    assert "UTF-8" in caught.value.problems[2].message


def test_more_than_16_mib_is_refused_and_just_that_is_read(tmp_path: Path) -> None:
    limit = 16 * 1024 * 1024
    (large := tmp_path / "large.yaml").write_text(GOOD + "#" * (limit - len(GOOD)), encoding="utf-8")
    assert len(load_files([large]).objectives) == 1
    large.write_text(GOOD + "#" * (limit - len(GOOD) + 1), encoding="utf-8")
    with pytest.raises(SpecError, match="16 MiB"):
        load_files([large])


def test_a_bomb_of_aliases_is_refused_at_once() -> None:
    levels = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 10))
    started = time.perf_counter()
    problems = problems_of(f"l0: &l0 lol\n{levels}")
    assert time.perf_counter() - started < 1
    assert (problems[0].line, problems[0].column) == (1, 5)
    assert "anchors and aliases are not accepted" in problems[0].message


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "a: " + "{b: " * 100_000, "- " * 5_000, "".join(" " * n + "a:\n" for n in range(900))]
)
def test_deep_nesting_is_refused_at_once(text: str) -> None:
    started = time.perf_counter()
    problems = problems_of(text)
    assert time.perf_counter() - started < 1
    assert "32" in problems[0].message
