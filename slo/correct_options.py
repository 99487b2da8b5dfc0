"""What may be written behind `slo correct`."""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser
from pathlib import Path

from slo.data_options import add_ledger_option

_VERBS = (
    ("add", "leave a time out of the figures; without --yes only tells what would change"),
    ("list", "the corrections in force"),
    ("withdraw", "let the events of a correction count again"),
    ("history", "every correction and withdrawal that ever was"),
    ("silences", "Alertmanager silences for the corrections, as rules know nothing of them"),
)


def add_correct_verbs(parser: ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", parser_class=type(parser), required=True)
    for name, help_text in _VERBS:
        verb = verbs.add_parser(name, help=help_text, description=help_text, allow_abbrev=False)
        add_ledger_option(verb)
        # Given before the verb, it must not be forgotten for want of it behind.
        verb.add_argument("--settings", type=Path, metavar="FILE", default=SUPPRESS, help="TOML file of settings")
        if name == "add":
            _add_add_options(verb)
        elif name == "withdraw":
            verb.add_argument("id", metavar="ID", help="number of the correction")
            _add_why(verb)
        elif name == "silences":
            verb.add_argument("--horizon", metavar="DURATION", default="7d", help="how far ahead (7d)")
        else:
            verb.add_argument(
                "-o", "--output", choices=("table", "json"), default="table", help="table or json (table)"
            )


def _add_add_options(verb: ArgumentParser) -> None:
    verb.add_argument("files", nargs="*", type=Path, metavar="FILE", help="objective file or folder; SLO_OBJECTIVES")
    verb.add_argument(
        "--slo", dest="globs", action="append", default=[], metavar="GLOB", help="ids that it is for; repeatable"
    )
    verb.add_argument("--from", dest="begin", metavar="TIME", required=True, help="where it begins, at a whole minute")
    verb.add_argument("--to", dest="end", metavar="TIME", help="where it ends")
    verb.add_argument("--for", dest="duration", metavar="DURATION", help="or how long it lasts")
    verb.add_argument("--rule", metavar="RRULE", help="when it comes again, such as FREQ=WEEKLY;BYDAY=SU")
    verb.add_argument("--time-zone", metavar="ZONE", default="UTC", help="on whose clocks it comes again (UTC)")
    verb.add_argument(
        "--category",
        metavar="KIND",
        default="other",
        help="maintenance, deployment, outside-hours, provider, test or other (other)",
    )
    verb.add_argument("--planned", action="store_true", help="it may begin in the future")
    verb.add_argument("--yes", action="store_true", help="store it")
    _add_why(verb)


def _add_why(verb: ArgumentParser) -> None:
    verb.add_argument("--reason", metavar="TEXT", default="", help="why; stands in every report that it touches")
    verb.add_argument("--author", metavar="NAME", help="who says so (the user of the system)")
