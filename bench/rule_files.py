"""How long `slo rules` takes, start included, and its memory: one objective, a thousand, ten thousand, 1,000 files.

    python -m bench.rule_files

Prints a Markdown table: the best wall-clock of several runs, and the peak memory of the process.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from pathlib import Path

ALLOWED = {1: "0.15 s", 1000: "0.4 s, 100 MB"}
OPEN_FILES = 256


def main() -> None:
    print("| objectives | allowed | wall | memory |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="slo-bench-") as directory:
        folder = Path(directory)
        for count in (1, 100, 1000, 3000, 10_000):
            file = folder / f"{count}.yaml"
            file.write_text(_document("shop", count), encoding="utf-8")
            _row(f"{count:,} in one file", ALLOWED.get(count, ""), file, folder / "rules")
        many = folder / "many"
        many.mkdir()
        for number in range(1000):
            (many / f"{number}.yaml").write_text(_document(f"shop-{number}", 1), encoding="utf-8")
        _row(f"1,000 in as many files, {OPEN_FILES} may be open", "", many, folder / "rules-of-many")


def _document(service: str, objectives: int) -> str:
    entries = "".join(
        f"  - name: objective-{number}\n    target: 99.9%\n    window: 30d\n    sli:\n      ratio:\n"
        f'        bad: http_requests_total{{job="job-{number}",status=~"5.."}}\n'
        f'        total: http_requests_total{{job="job-{number}"}}\n'
        for number in range(objectives)
    )
    return f"service: {service}\nobjectives:\n{entries}"


def _row(what: str, allowed: str, objectives: Path, rules: Path) -> None:
    runs = [_run(objectives, rules) for _ in range(7)]
    wall, peak = min(seconds for seconds, _ in runs), max(kilobytes for _, kilobytes in runs)
    print(f"| {what} | {allowed} | {wall:.2f} s | {peak * 1024 / 1e6:.0f} MB |", flush=True)


def _run(objectives: Path, rules: Path) -> tuple[float, int]:
    """Seconds, and the peak memory in kibibytes, of a process of its own."""
    # Without it the interpreter would compile every module anew, which no user's does.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    begin = time.perf_counter()
    child = os.fork()
    if not child:
        resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
        command = [str(Path(sys.executable).with_name("slo")), "rules", str(objectives), "-o", str(rules)]
        os.execve(command[0], command, environment)
    _, status, used = os.wait4(child, 0)
    if status:
        raise SystemExit(f"slo rules {objectives} failed")
    return time.perf_counter() - begin, used.ru_maxrss


if __name__ == "__main__":
    main()
