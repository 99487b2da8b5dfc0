"""What may be written on the command line. Imports nothing that is slow."""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from slo.analysis_options import (
    add_backtest_options,
    add_bill_options,
    add_composite_options,
    add_month_options,
    add_output_option,
    add_replay_options,
)
from slo.chaos_options import add_plan_options, add_run_options
from slo.correct_options import add_correct_options
from slo.doctor_options import add_doctor_options
from slo.errors import UsageError
from slo.record_options import add_decisions_options, add_override_options
from slo.service_options import add_publish_options, add_serve_options, add_token_options


class _Parser(ArgumentParser):
    """A parser whose errors are UsageErrors like any other, one line each."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see {self.prog} --help")


def parse(arguments: Sequence[str]) -> Namespace:
    """The arguments; files may stand before, between and after the options."""
    parsed, rest = parser().parse_known_args(list(arguments))
    if any(word.startswith("-") for word in rest) or (rest and not hasattr(parsed, "files")):
        prog = f"slo {parsed.command}" if parsed.command else "slo"
        raise UsageError(f"unrecognized arguments: {' '.join(rest)}; see {prog} --help")
    if rest:
        parsed.files += [Path(word) for word in rest]
    return parsed


def parser() -> ArgumentParser:
    root = _Parser(
        prog="slo",
        description="Service level objectives and error budgets from counted events.",
        epilog="FILE is an objective file (YAML) or a folder of them; without one, SLO_OBJECTIVES lists them.",
        allow_abbrev=False,
    )
    root.add_argument("--version", action="store_true", help="print the version")
    commands = root.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
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
            "gate",
            "decide whether a deploy or a chaos run may go ahead; exit 0 if so, 1 if not",
            _add_gate_options,
        ),
        (
            "rules",
            "generate Prometheus rules: recorded series and alerts that work without this service",
            _add_rules_options,
        ),
        (
            "dashboard",
            "generate Grafana dashboards: four panels for each budget, an overview, and one objective in detail",
            _add_dashboard_options,
        ),
        (
            "backfill",
            "write what the rules would have recorded, for Prometheus to take in as history",
            _add_backfill_options,
        ),
        (
            "import",
            "make an objective file from Sloth's, Pyrra's and OpenSLO's files, or from queries in a text",
            _add_import_command_options,
        ),
        (
            "export",
            "write objectives in another tool's format",
            _add_export_command_options,
        ),
        (
            "init",
            "propose objectives for what a Prometheus measures",
            _add_prometheus_options,
        ),
        (
            "collect",
            "count every event once and keep the counts in a ledger, until stopped",
            _add_collect_options,
        ),
        (
            "serve",
            "collect, and answer over HTTP whether a deploy or a chaos run may go on; a page for people",
            _add_serve_options,
        ),
        (
            "publish",
            "keep a gate's decision in a ConfigMap, for policies of the API server",
            add_publish_options,
        ),
        (
            "token",
            "make a token for a caller of the service",
            add_token_options,
        ),
        (
            "ledger",
            "look into a ledger and look after it",
            _add_ledger_verbs,
        ),
        (
            "chaos",
            "run chaos that the error budget can afford, and stop it when it cannot",
            _add_chaos_verbs,
        ),
        (
            "decisions",
            "look into the record of decisions, newest first",
            add_decisions_options,
        ),
        (
            "override",
            "open a gate for a time, whatever it would say; list and end such overrides",
            add_override_options,
        ),
        (
            "correct",
            "leave times such as maintenance out of the figures, with a reason that every report tells",
            _add_correct_verbs,
        ),
        (
            "doctor",
            "look whether the platform around the budget stands, and say what to do; changes nothing",
            _add_doctor_options,
        ),
        (
            "incidents",
            "find what burned the budget, dearest first, with the bill of each incident",
            _with_history(add_bill_options),
        ),
        (
            "backtest",
            "replay a history through alert policies: what would have fired, when, and for what",
            _with_history(add_backtest_options),
        ),
        (
            "replay",
            "what a gate would have answered over a history, and which deploys it would have blocked",
            _add_replay_options,
        ),
        (
            "month",
            "report on a calendar month: targets, budgets, incidents and their bills, corrections, the months before",
            _add_month_options,
        ),
        (
            "forecast",
            "when each budget will be gone or come back, in three scenarios, and how far to trust that",
            _with_history(add_output_option),
        ),
        (
            "composite",
            "several budgets as one, by weight: what is left of it and how fast it burns",
            _add_composite_options,
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
    return root


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
    _add_slo_option(parser)
    _add_data_options(parser)


def _add_gate_options(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="of the gate")
    _add_files(parser)
    parser.add_argument("--server", metavar="URL", help="ask a running service; SLO_TOKEN is the token for it")
    parser.add_argument("-o", "--output", metavar="FORM", default="text", help="text or json (text)")
    parser.add_argument("--at", metavar="TIME", help="RFC 3339 with a zone (now; with --data the end of the file)")
    _add_slo_option(parser)
    _add_data_options(parser)


def _add_data_options(parser: ArgumentParser) -> None:
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
    _add_ledger_option(parser)


def _add_rules_options(parser: ArgumentParser) -> None:
    _add_files(parser)
    _add_slo_option(parser)
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


def _add_dashboard_options(parser: ArgumentParser) -> None:
    _add_files(parser)
    _add_slo_option(parser)
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


def _add_backfill_options(parser: ArgumentParser) -> None:
    _add_files(parser)
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", required=True, help="the OpenMetrics file to write"
    )
    parser.add_argument("--counts", action="store_true", help="only the counts that rules sum up, no ratios for graphs")
    _add_slo_option(parser)
    _add_times(parser, "where to begin (a period before the end)", "when the rules were loaded (three hours ago)")
    _add_data_options(parser)


def _add_import_command_options(parser: ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="file or folder of another tool")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="the objective file to write (print it)")
    parser.add_argument("--force", action="store_true", help="overwrite it")
    parser.add_argument("--strict", action="store_true", help="write nothing unless all could be carried over")
    parser.add_argument("--window", metavar="DURATION", default="30d", help="the period of Sloth's objectives (30d)")


def _add_export_command_options(parser: ArgumentParser) -> None:
    _add_files(parser)
    _add_slo_option(parser)
    parser.add_argument("--format", metavar="FORM", default="openslo", help="openslo")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="the file to write (print it)")
    parser.add_argument("--force", action="store_true", help="overwrite it")


def _add_ledger_option(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--ledger",
        metavar="DSN",
        help="the ledger: an SQLite file or postgresql://...; SLO_LEDGER",
    )


def _add_collect_options(parser: ArgumentParser) -> None:
    _add_collecting_options(parser)
    parser.add_argument(
        "--cycles",
        type=int,
        metavar="N",
        help="stop after so many cycles; 1 catches up and ends",
    )


def _add_collecting_options(parser: ArgumentParser) -> None:
    _add_files(parser)
    _add_prometheus_options(parser)
    _add_ledger_option(parser)
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


def _with_history(add_more: Callable[[ArgumentParser], None]) -> Callable[[ArgumentParser], None]:
    """The options of a command that looks at a whole history, and its own."""

    def add(parser: ArgumentParser) -> None:
        _add_files(parser)
        add_more(parser)
        _add_slo_option(parser)
        _add_times(
            parser,
            "where to begin (all that a file or ledger has; one period from a Prometheus)",
            "where to end (now; with --data the end of the file)",
        )
        _add_data_options(parser)

    return add


def _add_doctor_options(parser: ArgumentParser) -> None:
    _add_prometheus_options(parser)
    add_doctor_options(parser)


def _add_composite_options(parser: ArgumentParser) -> None:
    _add_files(parser)
    add_composite_options(parser)
    _add_data_options(parser)


def _add_month_options(parser: ArgumentParser) -> None:
    _add_files(parser)
    add_month_options(parser)
    _add_slo_option(parser)
    _add_data_options(parser)


def _add_replay_options(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="GATE", help="name of the gate")
    _with_history(add_replay_options)(parser)


def _add_correct_verbs(parser: ArgumentParser) -> None:
    add_correct_options(parser, _add_ledger_option)


def _add_serve_options(parser: ArgumentParser) -> None:
    _add_collecting_options(parser)
    add_serve_options(parser)


def _add_ledger_verbs(parser: ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", parser_class=_Parser, required=True)
    for name, help_text, add_options in (
        ("status", "what is counted, until when, and what is missing", _add_status_options),
        ("export", "write the counts of every minute to a Parquet or CSV file", _add_export_options),
        ("import", "take in the counts of a Parquet or CSV file, all or none", _add_import_options),
        ("verify", "count a stretch anew from the source and compare", _add_verify_options),
        ("recount", "count by today's indicators what former ones counted", _add_recount_options),
        ("prune", "remove the history of objectives that are gone, or that is old", _add_prune_options),
    ):
        verb = verbs.add_parser(name, help=help_text, description=help_text, allow_abbrev=False)
        _add_ledger_option(verb)
        add_options(verb)
        # Given before the verb, it must not be forgotten for want of it behind.
        verb.add_argument("--settings", type=Path, metavar="FILE", default=SUPPRESS, help="TOML file of settings")


def _add_chaos_verbs(parser: ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", parser_class=_Parser, required=True)
    for name, help_text, add_options in (
        ("plan", "whether a run may start, and what it may cost; nothing is touched", add_plan_options),
        ("run", "start it, watch it, halt it when it costs too much, and report", add_run_options),
    ):
        verb = verbs.add_parser(name, help=help_text, description=help_text, allow_abbrev=False)
        add_options(verb)
        _add_files(verb)
        _add_data_options(verb)
        verb.add_argument("--settings", type=Path, metavar="FILE", default=SUPPRESS, help="TOML file of settings")


def _add_slo_option(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--slo",
        dest="globs",
        action="append",
        default=[],
        metavar="GLOB",
        help="only ids that match, such as 'shop/*'",
    )


def _add_status_options(parser: ArgumentParser) -> None:
    _add_slo_option(parser)
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table", help="table or json (table)")


def _add_export_options(parser: ArgumentParser) -> None:
    parser.add_argument("data", type=Path, metavar="FILE", help="the .parquet or .csv file to write")
    _add_slo_option(parser)
    _add_times(parser, "the first minute (the first there is)", "the end of the last minute (the last there is)")


def _add_import_options(parser: ArgumentParser) -> None:
    parser.add_argument("data", type=Path, metavar="FILE", help="a .parquet or .csv file, as export writes them")
    parser.add_argument("--replace", action="store_true", help="put its minutes in the place of what is there")


def _add_verify_options(parser: ArgumentParser) -> None:
    _add_files(parser)
    _add_prometheus_options(parser)
    _add_slo_option(parser)
    _add_times(parser, "where to begin (a day before the end)", "where to end (where counts are final)")


def _add_recount_options(parser: ArgumentParser) -> None:
    _add_files(parser)
    _add_prometheus_options(parser)
    _add_slo_option(parser)
    parser.add_argument(
        "--from",
        dest="begin",
        metavar="TIME",
        help="recount everything from then on, also what today's indicator counted",
    )


def _add_prune_options(parser: ArgumentParser) -> None:
    _add_files(parser)
    parser.add_argument(
        "--older-than", metavar="DURATION", help="remove minutes older than that, whatever their objective"
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would be removed")


def _add_times(parser: ArgumentParser, begin_help: str, end_help: str) -> None:
    parser.add_argument("--from", dest="begin", metavar="TIME", help=begin_help)
    parser.add_argument("--to", dest="end", metavar="TIME", help=end_help)
