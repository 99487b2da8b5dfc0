"""The command `slo`: what may be written on the command line, and what comes back to the shell.

Exit codes: 0 done; 1 a check failed, a gate is closed; 2 usage or objective file; 3 the source, the ledger or the
cluster failed; 130 interrupted; 141 the reader of the output went away. Standard output carries only the result.
Nothing that is slow to import is imported before a command is known, so that `slo --help` answers in 0.2 s.
"""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from slo.errors import ClusterError, LedgerError, RecordError, SLOError, SourceError
from slo.options import parse, parser

if TYPE_CHECKING:
    from slo.commands import Result

DONE, USAGE, SOURCE_FAILED, INTERRUPTED, OUTPUT_CLOSED = 0, 2, 3, 130, 141


def main() -> None:
    """The entry point of the command."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line and give its exit code; whatever is raised on purpose becomes lines and a code here."""
    if sys.stdout is None:  # closed by the caller: >&-
        _complain("standard output is closed")
        return USAGE
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _discard_output()
        return OUTPUT_CLOSED


def _run(arguments: Sequence[str]) -> int:
    try:
        parsed = parse(arguments)
        if parsed.version:
            print(f"slo {_version()}", flush=True)
            return DONE
        if parsed.command is None:
            parser().print_help(sys.stderr)
            return USAGE
        return _deliver(_command(parsed.command)(parsed))
    except SystemExit as done:  # --help has been printed
        sys.stdout.flush()
        return int(done.code or DONE)
    except SLOError as error:
        _complain(str(error))
        return SOURCE_FAILED if isinstance(error, (SourceError, LedgerError, RecordError, ClusterError)) else USAGE


def _command(name: str) -> Callable[[Namespace], Result]:
    if name == "collect":
        from slo.ledger_commands import COMMANDS
    elif name == "serve":
        from slo.serve_command import COMMANDS
    elif name == "token":
        from slo.token_command import COMMANDS
    elif name == "ledger":
        from slo.ledger_verbs import COMMANDS
    elif name in ("import", "export"):
        from slo.exchange_commands import COMMANDS
    elif name == "rules":
        from slo.rules_command import COMMANDS
    elif name == "dashboard":
        from slo.dashboard_command import COMMANDS
    elif name in ("decisions", "override"):
        from slo.record_commands import COMMANDS
    elif name == "correct":
        from slo.correct_command import COMMANDS
    elif name == "chaos":
        from slo.chaos_command import COMMANDS
    elif name == "publish":
        from slo.publish_command import COMMANDS
    elif name == "doctor":
        from slo.doctor_command import COMMANDS
    elif name == "gate":
        from slo.gate_command import COMMANDS
    elif name == "incidents":
        from slo.incidents_command import COMMANDS
    elif name == "month":
        from slo.month_command import COMMANDS
    elif name == "forecast":
        from slo.forecast_command import COMMANDS
    elif name == "replay":
        from slo.replay_command import COMMANDS
    elif name == "composite":
        from slo.composite_command import COMMANDS
    elif name == "backtest":
        from slo.backtest_command import COMMANDS
    elif name == "backfill":
        from slo.backfill_command import COMMANDS
    else:
        from slo.commands import COMMANDS
    return COMMANDS[name]


def _deliver(result: Result) -> int:
    for line in result.errors:
        _complain(line)
    try:
        sys.stdout.write(result.text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        _complain(f"standard output cannot be written: {error.strerror}")
        _discard_output()
        return USAGE
    return result.exit_code


def _discard_output() -> None:
    """Python would complain at exit about what is still unwritten."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(message: str) -> None:
    from slo.redaction import without_password
    from slo.render.text import printable

    for line in message.splitlines():
        print(f"slo: {printable(without_password(line))}", file=sys.stderr)


def _version() -> str:
    from importlib import metadata

    try:
        return metadata.version("slo")
    except metadata.PackageNotFoundError:
        return "unknown (not installed as a package)"
