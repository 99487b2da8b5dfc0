"""What may be written behind `slo serve` and `slo token`."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from slo.ledger_options import add_collecting_options
from slo.record_options import add_record_option

_ROLES = "read, decide, guard, override or admin"


def add_serve_options(parser: ArgumentParser) -> None:
    add_collecting_options(parser)
    add_record_option(parser)
    parser.add_argument("--host", metavar="ADDRESS", help="listen there (127.0.0.1); SLO_HOST")
    parser.add_argument("--port", metavar="PORT", help="and at this port (8080); SLO_PORT")
    parser.add_argument(
        "--plain-port", metavar="PORT", help="with TLS: answer at this port without it, too; SLO_PLAIN_PORT"
    )
    _add_tokens_option(parser)
    parser.add_argument(
        "--anonymous",
        metavar="ROLE",
        help="what callers without a token may do: none, read or decide (none; all on a loopback without tokens)",
    )
    parser.add_argument(
        "--insecure-open",
        action="store_true",
        help="without tokens, let anybody do anything who reaches an address that is not a loopback",
    )
    parser.add_argument("--tls-cert", type=Path, metavar="FILE", help="serve HTTPS with this certificate")
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="and its key")
    parser.add_argument(
        "--client-ca", type=Path, metavar="FILE", help="whose client certificates stand for the role decide"
    )
    parser.add_argument(
        "--allowed-host",
        dest="allowed_hosts",
        action="append",
        default=[],
        metavar="NAME",
        help="answer to this name, or to *.NAME, too; repeatable",
    )
    parser.add_argument("--access-log", action="store_true", help="log every request")
    parser.add_argument("--notice-webhook", metavar="URL", help="post there when a budget falls below 50, 25 and 0 %%")
    parser.add_argument("--alertmanager-url", metavar="URL", help="and to this Alertmanager")


def add_publish_options(parser: ArgumentParser) -> None:
    parser.add_argument("gates", nargs="+", metavar="GATE", help="name of a gate")
    parser.add_argument("--server", required=True, metavar="URL", help="the service; SLO_TOKEN is the token for it")
    parser.add_argument("--config-map", required=True, metavar="NAMESPACE/NAME", help="that is there already")
    parser.add_argument("--every", metavar="DURATION", default="10s", help="how often (10s)")
    parser.add_argument("--once", action="store_true", help="write once and end")
    parser.add_argument(
        "--account",
        type=Path,
        metavar="DIR",
        default=Path("/var/run/secrets/kubernetes.io/serviceaccount"),
        help="with the token and ca.crt of a service account (where pods have it)",
    )


def add_token_options(parser: ArgumentParser) -> None:
    parser.add_argument("verb", choices=("new",), metavar="new", help="make a token and print it, once")
    parser.add_argument("--role", required=True, metavar="ROLE", help=f"what it lets do: {_ROLES}")
    parser.add_argument("--name", required=True, metavar="NAME", help="whose it is: stands in the record and the log")
    parser.add_argument("--until", metavar="TIME", help="when it ends (never)")
    _add_tokens_option(parser)


def _add_tokens_option(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--tokens", type=Path, metavar="FILE", help="the file of tokens, of which it holds hashes; SLO_TOKENS"
    )
