"""What may be written behind `slo collect` and `slo ledger`."""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser
from pathlib import Path

from slo.data_options import add_files, add_ledger_option, add_prometheus_options, add_slo_option, add_times


def add_collect_options(parser: ArgumentParser) -> None:
    add_collecting_options(parser)
    parser.add_argument(
        "--cycles",
        type=int,
        metavar="N",
        help="stop after so many cycles; 1 catches up and ends",
    )


def add_collecting_options(parser: ArgumentParser) -> None:
    add_files(parser)
    add_prometheus_options(parser)
    add_ledger_option(parser)
    parser.add_argument(
        "--scrape",
        action="append",
        default=[],
        metavar="[JOB=]URL",
        help="read a target's /metrics directly, without a Prometheus; repeatable",
    )
    parser.add_argument(
        "--scrape-interval",
        metavar="DURATION",
        default="15s",
        help="how often (15s)",
    )


def add_ledger_verbs(parser: ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", parser_class=type(parser), required=True)
    for name, help_text, add_options in (
        ("status", "what is counted, until when, and what is missing", _add_status_options),
        ("export", "write the counts of every minute to a Parquet or CSV file", _add_export_options),
        ("import", "take in the counts of a Parquet or CSV file, all or none", _add_import_options),
        ("verify", "count a stretch anew from the source and compare", _add_verify_options),
        ("recount", "count by today's indicators what former ones counted", _add_recount_options),
        ("prune", "remove the history of objectives that are gone, or that is old", _add_prune_options),
    ):
        verb = verbs.add_parser(name, help=help_text, description=help_text, allow_abbrev=False)
        add_ledger_option(verb)
        add_options(verb)
        # Given before the verb, it must not be forgotten for want of it behind.
        verb.add_argument("--settings", type=Path, metavar="FILE", default=SUPPRESS, help="TOML file of settings")


def _add_status_options(parser: ArgumentParser) -> None:
    add_slo_option(parser)
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table", help="table or json (table)")


def _add_export_options(parser: ArgumentParser) -> None:
    parser.add_argument("data", type=Path, metavar="FILE", help="the .parquet or .csv file to write")
    add_slo_option(parser)
    add_times(parser, "the first minute (the first there is)", "the end of the last minute (the last there is)")


def _add_import_options(parser: ArgumentParser) -> None:
    parser.add_argument("data", type=Path, metavar="FILE", help="a .parquet or .csv file, as export writes them")
    parser.add_argument("--replace", action="store_true", help="put its minutes in the place of what is there")


def _add_verify_options(parser: ArgumentParser) -> None:
    add_files(parser)
    add_prometheus_options(parser)
    add_slo_option(parser)
    add_times(parser, "where to begin (a day before the end)", "where to end (where counts are final)")


def _add_recount_options(parser: ArgumentParser) -> None:
    add_files(parser)
    add_prometheus_options(parser)
    add_slo_option(parser)
    parser.add_argument(
        "--from",
        dest="begin",
        metavar="TIME",
        help="recount everything from then on, also what today's indicator counted",
    )


def _add_prune_options(parser: ArgumentParser) -> None:
    add_files(parser)
    parser.add_argument(
        "--older-than", metavar="DURATION", help="remove minutes older than that, whatever their objective"
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would be removed")
