"""The rules of deploy/falco: their structure, as Falco itself needs a kernel that lets it in; the veto, by promtool."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.prometheus import binary

FOLDER = Path(__file__).parents[2] / "deploy" / "falco"
RULES: list[dict[str, Any]] = yaml.safe_load(
    yaml.safe_load((FOLDER / "values.yaml").read_text(encoding="utf-8"))["customRules"]["cloudshop.yaml"]
)

FIELDS = frozenset(
    """
    container.id container.image.repository evt.is_open_read evt.is_open_write evt.rawres evt.res evt.type
    fd.name fd.num fd.snet fd.sport fd.typechar k8s.ns.name k8s.pod.name
    proc.cmdline proc.name proc.pname proc.tty user.name
    """.split()
)
"""The fields used, by their names in Falco's reference of supported fields."""
PRIORITIES = "EMERGENCY ALERT CRITICAL ERROR WARNING NOTICE INFORMATIONAL DEBUG".split()
WORDS = frozenset("and or not in startswith execve execveat open openat openat2 connect true host EINPROGRESS".split())


def named(kind: str) -> dict[str, dict[str, Any]]:
    return {entry[kind]: entry for entry in RULES if kind in entry}


def words(condition: str) -> Iterator[str]:
    """Every bare word of a condition: a field, an operator, a macro or a list; no quoted string, number or path."""
    bare = re.sub(r"'[^']*'|\"[^\"]*\"", " ", condition)
    yield from re.findall(r"(?<![\w./-])[A-Za-z][\w.-]*", bare)


def test_the_labs_four_rules_are_there_at_their_priorities() -> None:
    """The secret files alone are critical: /etc/passwd, which every look-up of a user reads, is none of them."""
    assert {name: rule["priority"] for name, rule in named("rule").items()} == {
        "CloudShop Shell in Container": "WARNING",
        "CloudShop Write Below Root Home": "ERROR",
        "CloudShop Sensitive File Access": "CRITICAL",
        "CloudShop Unexpected Network Connection": "WARNING",
    }
    assert "/etc/passwd" not in named("list")["cloudshop_secret_files"]["items"]


def test_every_entry_is_one_that_falco_knows() -> None:
    keys = {
        "rule": {"rule", "desc", "condition", "output", "priority", "tags"},
        "macro": {"macro", "condition"},
        "list": {"list", "items"},
        "required_engine_version": {"required_engine_version"},
        "required_plugin_versions": {"required_plugin_versions"},
    }
    for entry in RULES:
        assert set(entry) == keys[next(iter(entry))], entry
    assert all(rule["priority"] in PRIORITIES and rule["desc"] and rule["tags"] for rule in named("rule").values())


def test_conditions_hold_known_fields_and_the_macros_and_lists_that_stand_above_them() -> None:
    """Falco reads from top to bottom: what is not yet there when it is used does not load."""
    known: set[str] = set()
    used: set[str] = set()
    for entry in RULES:
        for word in words(entry.get("condition", "")):
            if word in named("macro") or word in named("list"):
                assert word in known, f"{word} is used before it is there"
                used.add(word)
            else:
                assert word in FIELDS | WORDS | {"cloudshop-prod"}, f"{word} in {entry}"
        known.update(str(entry[kind]) for kind in ("macro", "list") if kind in entry)
    assert used == known, "something is defined and never used"


def test_outputs_print_known_fields_and_the_namespace() -> None:
    """falcosidekick takes the namespace that the veto asks for from what the output prints."""
    for rule in named("rule").values():
        fields = set(re.findall(r"%([a-z0-9_.]+)", rule["output"]))
        assert fields <= FIELDS
        assert {"k8s.ns.name", "k8s.pod.name"} <= fields


def test_every_rule_is_about_containers_of_the_shop() -> None:
    assert "k8s.ns.name = cloudshop-prod" in named("macro")["cloudshop_container"]["condition"]
    assert all("cloudshop_container" in words(rule["condition"]) for rule in named("rule").values())


def test_folders_end_where_they_are_compared() -> None:
    """`startswith /root` is true of /rootfs as well."""
    for rule in named("rule").values():
        assert all(path.endswith("/") for path in re.findall(r"startswith (\S+)", rule["condition"]))


def test_parentheses_are_balanced() -> None:
    for entry in RULES:
        depth = 0
        for character in entry.get("condition", ""):
            depth += (character == "(") - (character == ")")
            assert depth >= 0, entry
        assert depth == 0, entry


def test_the_chart_runs_every_rule_that_matches_and_counts_what_it_finds() -> None:
    values = yaml.safe_load((FOLDER / "values.yaml").read_text(encoding="utf-8"))
    assert values["falco"]["rule_matching"] == "all"
    assert values["falco"]["metrics"]["enabled"]
    assert values["falcosidekick"]["enabled"]
    assert "grpc" not in values["falco"]


def promtool(verb: str, file: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [binary("promtool"), verb, "rules", file]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("verb", "file"), [("check", "veto.rules.yaml"), ("test", "veto.test.yaml")])
def test_the_veto_is_right_by_promtool(verb: str, file: str) -> None:
    done = promtool(verb, file, FOLDER)
    assert done.returncode == 0, done.stdout + done.stderr


def test_without_the_second_half_the_first_event_would_be_missed(tmp_path: Path) -> None:
    """What the veto is written for: increase() alone lets the first critical event pass."""
    rules = (FOLDER / "veto.rules.yaml").read_text(encoding="utf-8")
    first, rest = rules.split("          +\n          (sum(\n", 1)
    naive = first + rest[rest.index("      # Without Falco") :]
    (tmp_path / "veto.rules.yaml").write_text(naive, encoding="utf-8")
    test = (FOLDER / "veto.test.yaml").read_text(encoding="utf-8")
    (tmp_path / "veto.test.yaml").write_text(test, encoding="utf-8")
    done = promtool("test", "veto.test.yaml", tmp_path)
    assert done.returncode == 1
    assert "time: 31m" in done.stdout + done.stderr
