"""What may be written behind `slo report` and `slo gate`."""

from __future__ import annotations

from argparse import ArgumentParser

from slo.data_options import add_data_options, add_files, add_slo_option


def add_report_options(parser: ArgumentParser) -> None:
    add_files(parser)
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
    add_slo_option(parser)
    add_data_options(parser)


def add_gate_options(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="of the gate")
    add_files(parser)
    parser.add_argument("--server", metavar="URL", help="ask a running service; SLO_TOKEN is the token for it")
    parser.add_argument("-o", "--output", metavar="FORM", default="text", help="text or json (text)")
    parser.add_argument("--at", metavar="TIME", help="RFC 3339 with a zone (now; with --data the end of the file)")
    add_slo_option(parser)
    add_data_options(parser)
