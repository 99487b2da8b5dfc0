"""The command `slo`: what may be written on the command line, and what comes back to the shell.

Exit codes: 0 done; 1 a check failed; 2 usage or objective file; 3 the source failed; 130 interrupted; 141 the reader
of the output went away. Standard output carries only the result. Nothing that is slow to import is imported before
a command is known, so that `slo --help` answers in 0.2 s.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from slo.errors import SLOError, SourceError, UsageError

if TYPE_CHECKING:
    from slo.commands import Result

DONE, USAGE, SOURCE_FAILED, INTERRUPTED, OUTPUT_CLOSED = 0, 2, 3, 130, 141


class _Parser(ArgumentParser):
    """A parser whose errors are UsageErrors like any other, one line each."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see {self.prog} --help")


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
        parsed = _parsed(arguments)
        if parsed.version:
            print(f"slo {_version()}", flush=True)
            return DONE
        if parsed.command is None:
            _parser().print_help(sys.stderr)
            return USAGE
        from slo.commands import COMMANDS

        return _deliver(COMMANDS[parsed.command](parsed))
    except SystemExit as done:  # --help has been printed
        sys.stdout.flush()
        return int(done.code or DONE)
    except SLOError as error:
        _complain(str(error))
        return SOURCE_FAILED if isinstance(error, SourceError) else USAGE


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


def _parsed(arguments: Sequence[str]) -> Namespace:
    """The arguments; files may stand before, between and after the options."""
    parsed, rest = _parser().parse_known_args(list(arguments))
    if any(word.startswith("-") for word in rest) or (rest and not hasattr(parsed, "files")):
        prog = f"slo {parsed.command}" if parsed.command else "slo"
        raise UsageError(f"unrecognized arguments: {' '.join(rest)}; see {prog} --help")
    if rest:
        parsed.files += [Path(word) for word in rest]
    return parsed


def _parser() -> ArgumentParser:
    parser = _Parser(
        prog="slo",
        description="Service level objectives and error budgets from counted events.",
        epilog="FILE is an objective file (YAML) or a folder of them; without one, SLO_OBJECTIVES lists them.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="store_true", help="print the version")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    for name, help_text, add_options in (
        (
            "validate",
            "check objective files; print every problem with its place",
            _add_files,
        ),
        (
            "report",
            "report on the error budget of every objective",
            _add_report_options,
        ),
        (
            "init",
            "propose objectives for what a Prometheus measures",
            _add_prometheus_options,
        ),
    ):
        command = commands.add_parser(name, help=help_text, description=help_text, allow_abbrev=False)
        add_options(command)
        command.add_argument(
            "--settings",
            type=Path,
            metavar="FILE",
            help="TOML file of settings (./slo.toml); SLO_SETTINGS",
        )
    return parser


def _add_files(parser: ArgumentParser) -> None:
    parser.add_argument(
        "files",
        nargs="*",
        type=Path,
        metavar="FILE",
        help="objective file or folder; SLO_OBJECTIVES",
    )


def _add_prometheus_options(parser: ArgumentParser) -> None:
    parser.add_argument("--prometheus", metavar="URL", help="read from a Prometheus; SLO_PROMETHEUS_URL")
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        help="of each question to it (60); SLO_TIMEOUT_SECONDS",
    )


def _add_report_options(parser: ArgumentParser) -> None:
    _add_files(parser)
    parser.add_argument(
        "-o",
        "--output",
        metavar="FORM",
        help="table, json, csv or markdown (table); SLO_OUTPUT",
    )
    parser.add_argument(
        "--at",
        metavar="TIME",
        help="RFC 3339 with a zone (now; with --data the end of the file)",
    )
    parser.add_argument(
        "--slo",
        dest="globs",
        action="append",
        default=[],
        metavar="GLOB",
        help="only ids that match, such as 'shop/*'",
    )
    _add_prometheus_options(parser)
    parser.add_argument(
        "--data",
        type=Path,
        metavar="FILE",
        help="read counted events from Parquet or CSV",
    )
    parser.add_argument(
        "--demo",
        action="store_true",
        help="read from a simulated shop, the same at every run",
    )
