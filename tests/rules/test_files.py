"""Rule files: what they hold, when they are written, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from slo.errors import UsageError
from slo.generated import GeneratedFile, differences, write_folder
from slo.render.rules import MADE_BY, Layout, render_inhibition, render_rules
from slo.render.rules.rule import scalar
from tests.rules.objectives import FILE, every_kind, of

YAML_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def slo(*arguments: str, folder: Path) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "slo", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "o.yaml").write_text(FILE, encoding="utf-8")
    return tmp_path


def rules_in(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for document in yaml.safe_load_all(text):
        for group in document.get("spec", document)["groups"]:
            for rule in group["rules"]:
                yield group["name"], rule


@given(YAML_TEXT)
def test_any_text_is_one_scalar_in_one_line(text: str) -> None:
    written = scalar(text)
    assert len(written.splitlines()) == 1
    assert yaml.safe_load(f"a: {written}\n") == {"a": text}


def test_series_and_labels_are_those_of_the_contract() -> None:
    [file], _ = render_rules([of("bad")], Layout())
    found = dict(rules_in_by_record(file))
    windows = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
    expected = {"slo:bad_events:increase5m", "slo:total_events:increase5m", "slo:error_ratio:period"}
    expected |= {f"slo:{kind}:{window}" for kind in ("error_ratio", "burn_rate") for window in windows}
    expected |= {"slo:budget_remaining:ratio", "slo:budget_remaining:minutes", "slo:period_coverage:ratio"}
    expected |= {"slo:target:ratio", "slo_info"}
    assert expected <= found.keys()
    own = {"slo": "shop/bad", "slo_service": "shop", "team": "a {{ b"}
    assert all(rule["labels"].items() >= own.items() for rule in found.values())


def rules_in_by_record(file: GeneratedFile) -> Iterator[tuple[str, dict[str, Any]]]:
    return ((rule["record"], rule) for _, rule in rules_in(file.text) if "record" in rule)


def test_no_rule_reads_raw_series_over_more_than_five_minutes() -> None:
    [file], _ = render_rules(every_kind(), Layout())
    for _, rule in rules_in(file.text):
        if "requests_total" in rule["expr"] or "seconds_" in rule["expr"] or "probe_success" in rule["expr"]:
            ranges = {part.split("]")[0] for part in rule["expr"].split("[")[1:]}
            assert ranges <= {"5m", "5m:15s"}, rule


def test_alerts_are_legible_and_what_users_wrote_cannot_run_as_a_template() -> None:
    [file], _ = render_rules([of("bad")], Layout())
    alerts = [rule for _, rule in rules_in(file.text) if rule.get("alert") == "ErrorBudgetBurn"]
    assert [rule["labels"]["long_window"] for rule in alerts] == ["1h", "6h", "1d", "3d"]
    assert 'slo:error_ratio:1h{slo="shop/bad"} > 14.4 * (1 - 0.999)' in alerts[0]["expr"].splitlines()
    assert alerts[0]["labels"]["pager"] == "yes"
    assert alerts[0]["annotations"]["note"] == "look at {{ $labels.slo }}"
    assert alerts[0]["annotations"]["runbook_url"] == "https://runbooks.example.com/shop"
    assert '{{ "{{" }} $value }}' in alerts[0]["annotations"]["description"]
    assert alerts[0]["labels"]["team"] == 'a {{ "{{" }} b'


def test_what_cannot_be_is_left_out_and_told() -> None:
    [file], left_out = render_rules([of(name) for name in ("month", "full", "sliced", "low")], Layout())
    groups = {group for group, _ in rules_in(file.text)}
    assert groups == {"shop/month", "shop/full", "shop/low", "shop/low:period", "shop/full:period"}
    told = "\n".join(left_out)
    for words in (
        "shop/month: PromQL knows no calendar month",
        "shop/full: a target of 100 %",
        "shop/sliced: rules cannot count time slices",
        "shop/low: the page alert over 1h is left out: at a target of 90 %",
    ):
        assert words in told
        assert words.split(": ", 1)[1] in file.text


def test_a_factor_below_one_is_raised_and_told() -> None:
    [file], left_out = render_rules([of("probe")], Layout())
    assert 'slo:error_ratio:3d{slo="shop/probe"} > 1 * (1 - 0.995)' in file.text
    assert any("the ticket alert over 3d fires at a burn rate of 1" in line for line in left_out)


def test_long_groups_are_split_for_mimir() -> None:
    [file], _ = render_rules([of("bad")], Layout(format="mimir", delay="1m"))
    document = yaml.safe_load(file.text)
    assert document["namespace"] == "slo-shop"
    assert all(len(group["rules"]) <= 20 and group["query_offset"] == "1m" for group in document["groups"])
    assert len({group["name"] for group in document["groups"]}) == len(document["groups"])
    [whole], _ = render_rules([of("bad")], Layout(format="prometheus"))
    assert [rule for _, rule in rules_in(file.text)] == [rule for _, rule in rules_in(whole.text)]


def test_a_page_silences_the_tickets_of_its_own_budget() -> None:
    [rule] = yaml.safe_load(render_inhibition(every_kind()).text)["inhibit_rules"]
    assert rule["equal"] == ["slo", "route"]
    assert rule["source_matchers"][1] == 'severity = "page"'


def test_services_that_would_share_an_object_are_refused() -> None:
    one = of("bad")
    with pytest.raises(UsageError, match=r"a-b and a_b would both be the PrometheusRule slo-a-b"):
        render_rules([replace(one, service="a-b"), replace(one, service="a_b")], Layout())


def test_a_folder_is_written_checked_and_told_stale(folder: Path) -> None:
    assert slo("rules", "o.yaml", "-o", "out", folder=folder)[0] == 0
    assert sorted(path.name for path in (folder / "out").rglob("*.yaml")) == ["inhibit.yaml", "shop.yaml"]
    before = (folder / "out" / "shop.yaml").read_bytes()
    assert slo("rules", "o.yaml", "-o", "out", folder=folder)[0] == 0
    assert (folder / "out" / "shop.yaml").read_bytes() == before
    assert slo("rules", "o.yaml", "-o", "out", "--check", folder=folder)[:2] == (0, "")
    (folder / "o.yaml").write_text(FILE.replace("99.9%", "99.95%"), encoding="utf-8")
    (folder / "out" / "gone.yaml").write_text(f"{MADE_BY}groups: []\n", encoding="utf-8")
    code, said, _ = slo("rules", "o.yaml", "-o", "out", "--check", folder=folder)
    assert code == 1
    assert "out/shop.yaml:" in said
    assert "out/gone.yaml: belongs to no objective any more" in said
    assert slo("rules", "o.yaml", "-o", "out", folder=folder)[0] == 0
    assert not (folder / "out" / "gone.yaml").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["-o", "rules", "--namespace", "cloudshop-prod"],
        ["-o", "rules/prometheus", "--format", "prometheus", "--tests"],
    ],
)
def test_the_committed_rules_are_up_to_date(arguments: list[str]) -> None:
    """`make generate` makes them anew."""
    root = Path(__file__).parents[2]
    assert slo("rules", "examples/cloudshop.yaml", *arguments, "--check", folder=root)[:2] == (0, "")


def test_without_a_folder_all_is_printed(folder: Path) -> None:
    code, said, left_out = slo("rules", "o.yaml", folder=folder)
    assert code == 0
    assert yaml.safe_load(said)["kind"] == "PrometheusRule"
    assert left_out.startswith("slo: shop/")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("groups: [", "out/own.yaml:2:1: this rule file is no YAML; mend it, or move it away"),
        ("groups: [{name: shop/bad, rules: []}]", "out/own.yaml: has a group named shop/bad too"),
        ("kind: PrometheusRule\nmetadata: {name: slo-shop}\n", "has a PrometheusRule named slo-shop too"),
    ],
)
def test_rule_files_of_others_may_not_be_broken_or_clash(content: str, told: str, folder: Path) -> None:
    (folder / "out").mkdir()
    (folder / "out" / "own.yaml").write_text(content, encoding="utf-8")
    code, said, complaint = slo("rules", "o.yaml", "-o", "out", folder=folder)
    assert (code, said) == (2, "")
    assert told in complaint
    assert [path.name for path in (folder / "out").iterdir()] == ["own.yaml"]


def test_a_file_of_others_is_never_overwritten(folder: Path) -> None:
    (folder / "out").mkdir()
    (folder / "out" / "shop.yaml").write_text("groups: []\n", encoding="utf-8")
    code, _, complaint = slo("rules", "o.yaml", "-o", "out", folder=folder)
    assert code == 2
    assert "out/shop.yaml was not generated by this command; move it away" in complaint
    assert (folder / "out" / "shop.yaml").read_text() == "groups: []\n"


def test_a_failure_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    write_folder(tmp_path, [GeneratedFile("a.yaml", (MADE_BY, "1"))], sign=MADE_BY)
    (tmp_path / "sub").write_text("a file in the place of a folder")
    wanted = [GeneratedFile("a.yaml", (MADE_BY, "2")), GeneratedFile("sub/b.yaml", (MADE_BY, "2"))]
    with pytest.raises(UsageError, match="cannot be written"):
        write_folder(tmp_path, wanted, sign=MADE_BY)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.yaml", "sub"]
    assert (tmp_path / "a.yaml").read_text() == f"{MADE_BY}1"
    assert differences(tmp_path, [GeneratedFile("a.yaml", (MADE_BY, "1"))], sign=MADE_BY) == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--format", "cortex"], "--format: 'cortex' is none of prometheusrule, prometheus, mimir"),
        (["--tests"], "--tests: promtool reads plain rule files; give --format prometheus"),
        (["--tests", "--format", "prometheus"], "--tests: name the folder by -o DIR"),
        (["--delay", "soon"], "--delay: 'soon' is not a duration"),
        (["--label", "a"], "--label: 'a' is no label of Kubernetes"),
        (["--namespace", "A b"], "--namespace: 'A b' is no name"),
        (["--rules-in-group", "0"], "--rules-in-group: a group holds at least one rule"),
    ],
)
def test_wrong_options_are_told(arguments: list[str], told: str, folder: Path) -> None:
    code, said, complaint = slo("rules", "o.yaml", *arguments, folder=folder)
    assert (code, said) == (2, "")
    assert told in complaint
