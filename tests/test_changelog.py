"""CHANGELOG.md names what there is: merges of many lines at one place lose some."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from slo.cli import run

UNRELEASED = (Path(__file__).parents[1] / "CHANGELOG.md").read_text(encoding="utf-8").split("\n## ")[1]


def test_each_kind_of_change_has_one_section() -> None:
    kinds = re.findall(r"^### (\w+)$", UNRELEASED, re.MULTILINE)
    assert kinds == sorted(set(kinds)), "Added, Changed, Fixed, each once"


def test_every_command_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    commands = re.findall(r"^    ([a-z]+)\b", capsys.readouterr().out, re.MULTILINE)
    assert len(commands) > 5
    assert [name for name in commands if f"`slo {name}" not in UNRELEASED] == []
