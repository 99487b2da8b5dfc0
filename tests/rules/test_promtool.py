"""promtool finds the rules of every kind of objective right, and its tests of them pass and could fail."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from slo.generated import write_folder
from slo.render.rules import MADE_BY, Layout, render_rules
from slo.render.rules.promtool import render_tests
from tests.rules.objectives import every_kind, of
from tests.support.prometheus import binary

PLAIN = Layout(format="prometheus")


def promtool(*arguments: str, folder: Path) -> tuple[int, str]:
    done = subprocess.run([binary("promtool"), *arguments], cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_the_rules_of_every_kind_are_right(tmp_path: Path) -> None:
    files, _ = render_rules(every_kind(), PLAIN)
    write_folder(tmp_path, files, sign=MADE_BY)
    code, said = promtool("check", "rules", "shop.yaml", folder=tmp_path)
    assert (code, "SUCCESS" in said) == (0, True), said


@pytest.mark.parametrize("name", ["bad", "good", "latency", "probe", "grouped", "month", "low"])
def test_alerts_begin_and_end_by_theory_and_are_silent_otherwise(name: str, tmp_path: Path) -> None:
    objectives = [of(name)]
    files, _ = render_rules(objectives, PLAIN)
    tests = render_tests(objectives)
    assert "tests: []" not in tests[0].text
    write_folder(tmp_path, [*files, *tests], sign=MADE_BY)
    code, said = promtool("test", "rules", "tests/shop.yaml", folder=tmp_path)
    assert code == 0, said


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("14.4 * (1 - 0.999)", "100 * (1 - 0.999)"),
        ("14.4 * (1 - 0.999)", "0 * (1 - 0.999)"),
        ('slo:error_ratio:5m{slo="shop/bad"} > 14.4', 'slo:error_ratio:1h{slo="shop/bad"} > 14.4'),
        ('slo:by_chance:ratio1h{slo="shop/bad"} < 0.0001', 'slo:error_ratio:5m{slo="shop/bad"} >= 0'),
        ("0 * sum(slo:total_events", "1 * sum(slo:total_events"),
    ],
)
def test_the_tests_fail_where_a_rule_is_wrong(right: str, wrong: str, tmp_path: Path) -> None:
    objectives = [of("bad")]
    [file], _ = render_rules(objectives, PLAIN)
    assert right in file.text
    write_folder(tmp_path, render_tests(objectives), sign=MADE_BY)
    (tmp_path / file.name).write_text(file.text.replace(right, wrong), encoding="utf-8")
    code, _ = promtool("test", "rules", "tests/shop.yaml", folder=tmp_path)
    assert code != 0
