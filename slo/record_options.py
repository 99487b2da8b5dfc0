"""What may be written behind `slo decisions` and `slo override`."""

from __future__ import annotations

from argparse import ArgumentParser

KINDS = ("decision", "verdict", "call", "override", "revocation")


def add_record_option(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--record",
        metavar="DSN",
        help="the record of decisions: an SQLite file or postgresql://... (beside the ledger); SLO_RECORD",
    )


def add_decisions_options(parser: ArgumentParser) -> None:
    add_record_option(parser)
    parser.add_argument("--gate", metavar="NAME", help="of this gate")
    parser.add_argument("--slo", metavar="GLOB", help="on ids that match, such as 'shop/*'")
    parser.add_argument(
        "--kind", dest="kinds", action="append", default=[], metavar="KIND", help=f"{', '.join(KINDS)}; repeatable"
    )
    parser.add_argument("--since", metavar="TIME", help="from then on; a duration such as 24h counts back from now")
    parser.add_argument("--until", metavar="TIME", help="before then")
    parser.add_argument("--limit", type=int, default=50, metavar="N", help="the newest N (50)")
    parser.add_argument("--before", type=int, metavar="NUMBER", help="go on behind this entry")
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table", help="table or json (table)")


def add_override_options(parser: ArgumentParser) -> None:
    add_record_option(parser)
    parser.add_argument("gate", nargs="?", metavar="GATE", help="the gate to open; without it, list what is in force")
    parser.add_argument(
        "--slo", dest="slos", action="append", default=[], metavar="GLOB", help="only for these ids; repeatable (all)"
    )
    parser.add_argument("--for", dest="duration", metavar="DURATION", help="for so long, such as 2h")
    parser.add_argument("--until", metavar="TIME", help="until then")
    parser.add_argument("--revoke", type=int, metavar="NUMBER", help="end this override now")
    parser.add_argument("--reason", default="", metavar="TEXT", help="why; stands in every decision that it opens")
    parser.add_argument("--by", metavar="NAME", help="who (the user of the system)")
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table", help="of the list (table)")
