"""Each file in cases/ is one command line: what it is given, and what must come back.

A case begins with `args:`, `exit:` and optionally `env:` lines, after # lines that say what it shows. Sections
`-- NAME --` follow: input files, and `-- stdout --` and `-- stderr --` with what is expected, compared exactly.
UPDATE_CASES=1 rewrites exit code and expected sections to what the command did: read the difference before trusting it.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CASES = sorted((Path(__file__).parent / "cases").glob("*.txt"))
_SECTION = re.compile(r"^-- (\S+) --\n", re.MULTILINE)
_OUTPUTS = ("stdout", "stderr")


@dataclass(frozen=True)
class Case:
    comment: str
    args: str
    env: dict[str, str]
    exit_code: int
    sections: dict[str, str]


def parse(text: str) -> Case:
    head, *parts = _SECTION.split(text)
    lines = head.splitlines()
    fields = [line.split(": ", 1) for line in lines if line and not line.startswith("#")]
    single = {key: value for key, value in fields if key != "env"}
    return Case(
        comment="\n".join(line for line in lines if line.startswith("#")),
        args=single["args"],
        env=dict(value.split("=", 1) for key, value in fields if key == "env"),
        exit_code=int(single.get("exit", "0")),
        sections=dict(zip(parts[::2], parts[1::2], strict=True)),
    )


def written(case: Case, exit_code: int, outputs: dict[str, str]) -> str:
    lines = [case.comment, f"args: {case.args}", *(f"env: {k}={v}" for k, v in case.env.items()), f"exit: {exit_code}"]
    inputs = {name: text for name, text in case.sections.items() if name not in _OUTPUTS}
    return "\n".join(lines) + "\n" + "".join(f"-- {name} --\n{text}" for name, text in {**inputs, **outputs}.items())


def environment(extra: dict[str, str]) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("SLO_") and key != "COLUMNS"}
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    return kept | {"PYTHONPATH": path, "PYTHONUTF8": "1"} | extra


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_a_command_line_gives_what_its_case_says(file: Path, tmp_path: Path) -> None:
    case = parse(file.read_text(encoding="utf-8"))
    for name, text in case.sections.items():
        if name not in _OUTPUTS:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "slo", *shlex.split(case.args)],
        cwd=tmp_path,
        env=environment(case.env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    outputs = {"stdout": done.stdout, "stderr": done.stderr}
    assert "Traceback" not in done.stderr, done.stderr
    if os.environ.get("UPDATE_CASES"):
        file.write_text(written(case, done.returncode, outputs), encoding="utf-8")
        return
    expected = (case.exit_code, {name: case.sections.get(name, "") for name in _OUTPUTS})
    assert (done.returncode, outputs) == expected, f"if this is right: UPDATE_CASES=1 pytest {__file__} -k {file.stem}"
