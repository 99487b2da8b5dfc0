"""requirements-runtime.lock, what the image runs on, against requirements.lock and pyproject.toml."""

from __future__ import annotations

import re
from importlib.metadata import requires

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.platform.programs import ROOT

EXTRAS = ("postgresql", "chaos", "telemetry")
"""Of pyproject.toml's extras, what the image has; scripts/lock.sh names the same."""


def pinned(name: str) -> dict[str, set[str]]:
    """The blocks of a lock file, version, marker and hashes, by the package's name; some have one for each Python."""
    found: dict[str, set[str]] = {}
    for block in re.split(r"\n(?=\S)", (ROOT / name).read_text(encoding="utf-8").strip()):
        found.setdefault(canonicalize_name(block.partition("==")[0]), set()).add(block.strip())
    return found


def needed_by(name: str, extras: frozenset[str]) -> set[tuple[str, frozenset[str]]]:
    """What an installed package with these extras needs on this machine, each with the extras that it needs it with."""
    found = set()
    for line in requires(name) or ():
        one = Requirement(line)
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in {"", *extras}):
            found.add((str(canonicalize_name(one.name)), frozenset(one.extras)))
    return found


def all_needed(name: str, extras: frozenset[str]) -> set[str]:
    """What needed_by gives, and what that needs, and so on."""
    seen: set[tuple[str, frozenset[str]]] = set()
    todo = needed_by(name, extras)
    while todo:
        seen |= todo
        todo = {more for one in todo for more in needed_by(*one)} - seen
    return {needed for needed, _ in seen}


def test_the_image_runs_on_the_versions_that_were_tested() -> None:
    everything = pinned("requirements.lock")
    for name, blocks in pinned("requirements-runtime.lock").items():
        assert blocks == everything[name], f"{name} differs; run `make lock`"


def test_the_image_has_all_that_the_service_needs() -> None:
    assert all_needed("slo", frozenset(EXTRAS)) <= pinned("requirements-runtime.lock").keys(), "run `make lock`"


def test_the_image_has_nothing_of_the_tools_of_development() -> None:
    tools = {"pytest", "ruff", "mypy", "uv", "setuptools", "chaostoolkit", "playwright", "matplotlib"}
    assert not tools & pinned("requirements-runtime.lock").keys()


def test_the_lock_script_names_the_same_extras() -> None:
    script = (ROOT / "scripts" / "lock.sh").read_text(encoding="utf-8")
    line = next(line for line in script.splitlines() if line.startswith("resolve requirements-runtime.lock"))
    assert tuple(re.findall(r"--extra (\S+)", line)) == EXTRAS
