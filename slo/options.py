"""What may be written on the command line. Imports nothing that is slow."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from slo.analysis_options import (
    add_backtest_options,
    add_bill_options,
    add_composite_options,
    add_forecast_options,
    add_month_options,
    add_replay_options,
)
from slo.chaos_options import add_chaos_verbs
from slo.correct_options import add_correct_verbs
from slo.data_options import add_files, add_prometheus_options
from slo.doctor_options import add_doctor_options
from slo.errors import UsageError
from slo.generator_options import (
    add_backfill_options,
    add_dashboard_options,
    add_export_options,
    add_import_options,
    add_rules_options,
)
from slo.ledger_options import add_collect_options, add_ledger_verbs
from slo.record_options import add_decisions_options, add_override_options
from slo.report_options import add_gate_options, add_report_options
from slo.service_options import add_publish_options, add_serve_options, add_token_options

_COMMANDS = (
    ("validate", "check objective files; print every problem with its place", add_files),
    ("report", "report on the error budget of every objective", add_report_options),
    ("gate", "decide whether a deploy or a chaos run may go ahead; exit 0 if so, 1 if not", add_gate_options),
    (
        "rules",
        "generate Prometheus rules: recorded series and alerts that work without this service",
        add_rules_options,
    ),
    (
        "dashboard",
        "generate Grafana dashboards: four panels for each budget, an overview, and one objective in detail",
        add_dashboard_options,
    ),
    (
        "backfill",
        "write what the rules would have recorded, for Prometheus to take in as history",
        add_backfill_options,
    ),
    (
        "import",
        "make an objective file from Sloth's, Pyrra's and OpenSLO's files, or from queries in a text",
        add_import_options,
    ),
    ("export", "write objectives in another tool's format", add_export_options),
    ("init", "propose objectives for what a Prometheus measures", add_prometheus_options),
    ("collect", "count every event once and keep the counts in a ledger, until stopped", add_collect_options),
    (
        "serve",
        "collect, and answer over HTTP whether a deploy or a chaos run may go on; a page for people",
        add_serve_options,
    ),
    ("publish", "keep a gate's decision in a ConfigMap, for policies of the API server", add_publish_options),
    ("token", "make a token for a caller of the service", add_token_options),
    ("ledger", "look into a ledger and look after it", add_ledger_verbs),
    ("chaos", "run chaos that the error budget can afford, and stop it when it cannot", add_chaos_verbs),
    ("decisions", "look into the record of decisions, newest first", add_decisions_options),
    ("override", "open a gate for a time, whatever it would say; list and end such overrides", add_override_options),
    (
        "correct",
        "leave times such as maintenance out of the figures, with a reason that every report tells",
        add_correct_verbs,
    ),
    (
        "doctor",
        "look whether the platform around the budget stands, and say what to do; changes nothing",
        add_doctor_options,
    ),
    ("incidents", "find what burned the budget, dearest first, with the bill of each incident", add_bill_options),
    (
        "backtest",
        "replay a history through alert policies: what would have fired, when, and for what",
        add_backtest_options,
    ),
    (
        "replay",
        "what a gate would have answered over a history, and which deploys it would have blocked",
        add_replay_options,
    ),
    (
        "month",
        "report on a calendar month: targets, budgets, incidents and their bills, corrections, the months before",
        add_month_options,
    ),
    (
        "forecast",
        "when each budget will be gone or come back, in three scenarios, and how far to trust that",
        add_forecast_options,
    ),
    ("composite", "several budgets as one, by weight: what is left of it and how fast it burns", add_composite_options),
)
"""Name, what it does, and the options that it takes; in the order of `slo --help`."""


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
    for name, help_text, add_options in _COMMANDS:
        command = commands.add_parser(name, help=help_text, description=help_text, allow_abbrev=False)
        add_options(command)
        command.add_argument(
            "--settings",
            type=Path,
            metavar="FILE",
            help="TOML file of settings (./slo.toml); SLO_SETTINGS",
        )
    return root
