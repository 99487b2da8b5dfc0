"""What may be written behind the analysing commands."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from slo.data_options import add_data_options, add_files, add_history_options, add_slo_option


def add_forecast_options(parser: ArgumentParser) -> None:
    add_files(parser)
    _add_output_option(parser)
    add_history_options(parser)


def add_bill_options(parser: ArgumentParser) -> None:
    add_files(parser)
    _add_incident_options(parser)
    parser.add_argument(
        "--record", metavar="DSN", help="tell what the record of decisions has of the time: gates, callers, overrides"
    )
    add_history_options(parser)


def add_backtest_options(parser: ArgumentParser) -> None:
    add_files(parser)
    parser.add_argument(
        "--policy",
        action="append",
        default=[],
        metavar="NAME",
        help="an alert policy or a file of windows, such as pyrra-28d; repeatable (each objective's own)",
    )
    parser.add_argument(
        "--labels", type=Path, metavar="FILE", help="CSV or YAML of what really happened: start,end[,slo,name]"
    )
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw one objective as .png, .svg or .pdf")
    _add_incident_options(parser)
    add_history_options(parser)


def add_month_options(parser: ArgumentParser) -> None:
    add_files(parser)
    parser.add_argument("--month", metavar="YYYY-MM", help="the calendar month (the last one that is over)")
    parser.add_argument(
        "--format", metavar="FORM", default="html", help="html, one file that prints well, or markdown (html)"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="write it there, with images (print it)")
    parser.add_argument(
        "--time-zone", metavar="ZONE", help="of the month, such as Europe/Paris (the objective's, else UTC)"
    )
    parser.add_argument(
        "--before", dest="months_before", type=int, metavar="N", default=5, help="months before it to tell of (5)"
    )
    _add_incident_choice(parser)
    parser.add_argument(
        "--record", metavar="DSN", help="tell what the record of decisions has of the month: gates, overrides"
    )
    add_slo_option(parser)
    add_data_options(parser)


def add_replay_options(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="GATE", help="name of the gate")
    add_files(parser)
    parser.add_argument(
        "--deploys",
        type=Path,
        metavar="FILE",
        help="CSV or YAML of deploys, time[,name]: which would have been blocked",
    )
    parser.add_argument(
        "--horizon", metavar="DURATION", default="1h", help="how long after a deploy harm is its own (1h)"
    )
    parser.add_argument(
        "--harm", metavar="SHARE", default="2%", help="of a period's budget within the horizon that is harm (2%%)"
    )
    parser.add_argument("--step", metavar="DURATION", default="5m", help="how often the gate is asked (5m)")
    _add_output_option(parser)
    add_history_options(parser)


def add_composite_options(parser: ArgumentParser) -> None:
    add_files(parser)
    parser.add_argument(
        "--part",
        action="append",
        required=True,
        metavar="ID[=WEIGHT]",
        help="an objective of the files and how much it counts (1); repeatable",
    )
    parser.add_argument("--at", metavar="TIME", help="RFC 3339 with a zone (now; with --data the end of the file)")
    _add_output_option(parser)
    add_data_options(parser)


def _add_incident_options(parser: ArgumentParser) -> None:
    _add_incident_choice(parser)
    _add_output_option(parser)


def _add_incident_choice(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--incident-share", metavar="SHARE", default="2%", help="of a period's budget that makes an incident (2%%)"
    )
    parser.add_argument("--gap", metavar="DURATION", default="30m", help="the longest pause within an incident (30m)")


def _add_output_option(parser: ArgumentParser) -> None:
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table", help="table or json (table)")
