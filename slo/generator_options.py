"""What may be written behind the commands that write files for other tools, or read theirs."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from slo.data_options import add_data_options, add_files, add_slo_option, add_times


def add_rules_options(parser: ArgumentParser) -> None:
    add_files(parser)
    add_slo_option(parser)
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="write a file for each service (print all)")
    parser.add_argument(
        "--format",
        metavar="FORM",
        default="prometheusrule",
        help="prometheusrule, prometheus, mimir, thanos or victoriametrics (prometheusrule)",
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 unless DIR (rules) is up to date")
    parser.add_argument("--tests", action="store_true", help="write tests for `promtool test rules` into DIR/tests too")
    parser.add_argument("--namespace", metavar="NAME", default="", help="of PrometheusRule objects")
    parser.add_argument(
        "--label", action="append", default=[], metavar="NAME=VALUE", help="of PrometheusRule objects; repeatable"
    )
    parser.add_argument("--tenant", metavar="NAME", default="", help="of VictoriaMetrics' groups; Mimir's folder")
    parser.add_argument(
        "--delay", metavar="DURATION", default="", help="evaluate so much in the past, where series arrive late"
    )
    parser.add_argument(
        "--rules-in-group", type=int, metavar="N", help="split groups that are longer (20 for mimir, else never)"
    )


def add_dashboard_options(parser: ArgumentParser) -> None:
    add_files(parser)
    add_slo_option(parser)
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="write all (print the one of four panels)")
    parser.add_argument(
        "--format",
        metavar="FORM",
        default="json",
        help="json; configmap for Grafana's sidecar, or grafana-operator (json)",
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 unless DIR (dashboards) is up to date"
    )
    parser.add_argument(
        "--name", metavar="NAME", default="", help="after titles and uids, where one Grafana has several sets"
    )
    parser.add_argument(
        "--page-url",
        metavar="URL",
        default="http://localhost:8080",
        help="where people reach the service, for links to it (http://localhost:8080); empty for none",
    )
    parser.add_argument("--namespace", metavar="NAME", default="", help="of Kubernetes objects")
    parser.add_argument(
        "--label", action="append", default=[], metavar="NAME=VALUE", help="of Kubernetes objects; repeatable"
    )
    parser.add_argument("--folder", metavar="NAME", default="SLO", help="of Grafana, told by Kubernetes objects (SLO)")


def add_backfill_options(parser: ArgumentParser) -> None:
    add_files(parser)
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", required=True, help="the OpenMetrics file to write"
    )
    parser.add_argument("--counts", action="store_true", help="only the counts that rules sum up, no ratios for graphs")
    add_slo_option(parser)
    add_times(parser, "where to begin (a period before the end)", "when the rules were loaded (three hours ago)")
    add_data_options(parser)


def add_import_options(parser: ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="file or folder of another tool")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="the objective file to write (print it)")
    parser.add_argument("--force", action="store_true", help="overwrite it")
    parser.add_argument("--strict", action="store_true", help="write nothing unless all could be carried over")
    parser.add_argument("--window", metavar="DURATION", default="30d", help="the period of Sloth's objectives (30d)")


def add_export_options(parser: ArgumentParser) -> None:
    add_files(parser)
    add_slo_option(parser)
    parser.add_argument("--format", metavar="FORM", default="openslo", help="openslo")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="the file to write (print it)")
    parser.add_argument("--force", action="store_true", help="overwrite it")
