"""What commands take that read objectives and their events: files, times, sources."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path


def add_files(parser: ArgumentParser) -> None:
    parser.add_argument(
        "files",
        nargs="*",
        type=Path,
        metavar="FILE",
        help="objective file or folder; SLO_OBJECTIVES",
    )


def add_slo_option(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--slo",
        dest="globs",
        action="append",
        default=[],
        metavar="GLOB",
        help="only ids that match, such as 'shop/*'",
    )


def add_times(parser: ArgumentParser, begin_help: str, end_help: str) -> None:
    parser.add_argument("--from", dest="begin", metavar="TIME", help=begin_help)
    parser.add_argument("--to", dest="end", metavar="TIME", help=end_help)


def add_prometheus_options(parser: ArgumentParser) -> None:
    parser.add_argument("--prometheus", metavar="URL", help="read from a Prometheus; SLO_PROMETHEUS_URL")
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        help="of each question to it (60); SLO_TIMEOUT_SECONDS",
    )


def add_ledger_option(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--ledger",
        metavar="DSN",
        help="the ledger: an SQLite file or postgresql://...; SLO_LEDGER",
    )


def add_data_options(parser: ArgumentParser) -> None:
    add_prometheus_options(parser)
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
    add_ledger_option(parser)


def add_history_options(parser: ArgumentParser) -> None:
    """Of a command that looks at a whole history."""
    add_slo_option(parser)
    add_times(
        parser,
        "where to begin (all that a file or ledger has; one period from a Prometheus)",
        "where to end (now; with --data the end of the file)",
    )
    add_data_options(parser)
