"""The command as a process: pipes, signals, terminals, and how soon it answers."""

from __future__ import annotations

import errno
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from slo.settings import load_settings
from tests.cli.test_cases import environment, parse

CASES = Path(__file__).parent / "cases"
ESCAPE = "\x1b["


@pytest.fixture
def million(tmp_path: Path) -> Path:
    """A folder with the objective o.yaml and the events d.csv of the first case."""
    case = parse((CASES / "0001_million_json.txt").read_text(encoding="utf-8"))
    for name in ("o.yaml", "d.csv"):
        (tmp_path / name).write_text(case.sections[name], encoding="utf-8")
    return tmp_path


def on_terminal(arguments: list[str], folder: Path, **extra: str) -> tuple[int, str]:
    """Run with standard output and error on a terminal; the exit code and all that appeared there."""
    ours, theirs = pty.openpty()
    env = environment({"TERM": "xterm", "COLUMNS": "120"} | extra)
    process = subprocess.Popen(
        [sys.executable, "-m", "slo", *arguments], cwd=folder, env=env, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    shown = b""
    try:
        while block := os.read(ours, 65_536):
            shown += block
    except OSError:  # Linux says EIO when the last writer has gone.
        pass
    os.close(ours)
    return process.wait(timeout=60), shown.decode()


def test_help_imports_nothing_that_is_slow() -> None:
    """So that it answers in a fifth of a second, which bench/speed.py measures."""
    program = (
        "import sys; from slo.cli import run; run(['--help']); "
        "slow = {'numpy', 'pandas', 'requests', 'rich', 'sqlalchemy', 'yaml'}; "
        "print(sorted(slow & sys.modules.keys()), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment({}), check=True, capture_output=True, text=True
    )
    assert done.stderr == "[]\n"


def test_a_reader_that_goes_away_is_no_reason_for_words(million: Path) -> None:
    command = f"{sys.executable} -m slo report o.yaml --data d.csv -o csv | head -c 0; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command], cwd=million, env=environment({}), capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("141\n", "")


@pytest.mark.parametrize(
    ("target", "words"), [(">/dev/full", "cannot be written: No space left on device"), (">&-", "is closed")]
)
def test_an_output_that_cannot_be_written_is_an_error(target: str, words: str, million: Path) -> None:
    command = f"{sys.executable} -m slo report o.yaml --data d.csv {target}"
    done = subprocess.run(
        ["bash", "-c", command], cwd=million, env=environment({}), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (2, f"slo: standard output {words}\n")


def _writer_once_it_is_read(fifo: Path) -> int:
    """A descriptor that writes to a pipe, which can be had as soon as somebody reads it."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _interrupted(process: subprocess.Popen[str]) -> tuple[str, str]:
    """What it prints. A signal just before a read is seen after it, hence another one for as long as it reads."""
    deadline = time.monotonic() + 60
    while True:
        process.send_signal(signal.SIGINT)
        try:
            return process.communicate(timeout=1)
        except subprocess.TimeoutExpired:
            assert time.monotonic() < deadline, "it does not end"


def _heeding_interrupts() -> None:
    """Whoever runs the tests in the background of a shell makes all that they start ignore interrupts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_an_interrupt_ends_it_quietly(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "d.csv")
    (tmp_path / "o.yaml").write_text("")
    # A pipe that nobody writes to keeps the command waiting; settings are read first.
    arguments = [sys.executable, "-m", "slo", "report", "o.yaml", "--data", "d.csv", "--settings", "d.csv"]
    process = subprocess.Popen(
        arguments,
        cwd=tmp_path,
        env=environment({}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_heeding_interrupts,
    )
    try:
        held_open = _writer_once_it_is_read(tmp_path / "d.csv")
        out, err = _interrupted(process)
        os.close(held_open)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, out, err) == (130, "", "")


def test_a_terminal_gets_colour_and_words(million: Path) -> None:
    code, shown = on_terminal(["report", "o.yaml", "--data", "d.csv"], million)
    assert code == 0
    assert ESCAPE in shown
    assert " ok " in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown)


def test_no_color_is_honoured(million: Path) -> None:
    _, shown = on_terminal(["report", "o.yaml", "--data", "d.csv"], million, NO_COLOR="1")
    result = shown[shown.index("Error budgets at") :]
    assert ESCAPE not in result


def test_json_on_a_terminal_is_not_decorated(million: Path) -> None:
    _, shown = on_terminal(["report", "o.yaml", "--data", "d.csv", "-o", "json"], million, NO_COLOR="1")
    assert shown.rstrip().endswith("}")


def test_objectives_of_the_environment_are_separated_by_commas_or_as_paths_are() -> None:
    settings = load_settings({"SLO_OBJECTIVES": f"a.yaml, b{os.pathsep}c.yaml,"})
    assert settings.objectives == (Path("a.yaml"), Path("b"), Path("c.yaml"))
