"""What may be written behind `slo chaos`."""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser
from pathlib import Path

from slo.data_options import add_data_options, add_files


def add_chaos_verbs(parser: ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", parser_class=type(parser), required=True)
    for name, help_text, add_options in (
        ("plan", "whether a run may start, and what it may cost; nothing is touched", _add_plan_options),
        ("run", "start it, watch it, halt it when it costs too much, and report", _add_run_options),
    ):
        verb = verbs.add_parser(name, help=help_text, description=help_text, allow_abbrev=False)
        add_options(verb)
        add_files(verb)
        add_data_options(verb)
        verb.add_argument("--settings", type=Path, metavar="FILE", default=SUPPRESS, help="TOML file of settings")


def _add_plan_options(parser: ArgumentParser) -> None:
    parser.add_argument("engine", type=Path, metavar="ENGINE", help="file with a ChaosEngine of Litmus")
    parser.add_argument("--gate", required=True, metavar="NAME", help="that must allow it; its rules say what may run")
    parser.add_argument(
        "--slo",
        dest="slos",
        action="append",
        default=[],
        metavar="ID",
        help="whose budget it spends; repeatable (the engine's annotation slo-objectives, else all of the gate)",
    )
    parser.add_argument("--server", metavar="URL", help="ask a running service, not files and a ledger; SLO_TOKEN")
    parser.add_argument(
        "--kubeconfig",
        type=Path,
        metavar="FILE",
        help="of the cluster (KUBECONFIG, ~/.kube/config); SLO_CHAOS_KUBECONFIG",
    )
    parser.add_argument("--context", metavar="NAME", help="of the kubeconfig; SLO_CHAOS_CONTEXT")
    parser.add_argument(
        "--lease-namespace",
        metavar="NAME",
        help="where runs exclude each other (the engine's); SLO_CHAOS_LEASE_NAMESPACE",
    )
    parser.add_argument("--poll", metavar="DURATION", help="from one look to the next (5s); SLO_CHAOS_POLL")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text", help="text or json (text)")


def _add_run_options(parser: ArgumentParser) -> None:
    _add_plan_options(parser)
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the report as JSON, too")
    parser.add_argument("--ttl", metavar="DURATION", help="so long a silent guard counts as alive (30s); SLO_CHAOS_TTL")
    parser.add_argument(
        "--settle",
        metavar="DURATION",
        help="to wait for the events of the run's last minute (150s); SLO_CHAOS_SETTLE",
    )
