"""What may be written behind `slo doctor`."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from slo.data_options import add_prometheus_options


def add_doctor_options(parser: ArgumentParser) -> None:
    add_prometheus_options(parser)
    parser.add_argument("--kubeconfig", type=Path, metavar="FILE", help="look at this cluster")
    parser.add_argument("--context", metavar="NAME", help="of the kubeconfig (KUBECONFIG, ~/.kube/config)")
    parser.add_argument(
        "--namespace", metavar="NAME", default="cloudshop-prod", help="of the applications (cloudshop-prod)"
    )
    parser.add_argument("--server", metavar="URL", help="look at this service; SLO_TOKEN is the token for it")
    parser.add_argument(
        "--gate", dest="gates", action="append", metavar="NAME", help="of the service; repeatable (deploy and chaos)"
    )
    parser.add_argument(
        "--dashboard", metavar="URL", help="look at this Grafana; SLO_GRAFANA_TOKEN is the token for it"
    )
    parser.add_argument(
        "--image",
        dest="images",
        action="append",
        default=[],
        metavar="REF",
        help="look whether this image is signed, by cosign; repeatable. By whom says the cluster's policy, else:",
    )
    parser.add_argument("--signer-key", type=Path, metavar="FILE", help="the public key that its signature is of")
    parser.add_argument("--signer-identity", metavar="NAME", help="of the certificate, where there is no key")
    parser.add_argument("--signer-issuer", metavar="URL", help="who vouches for that identity")
    parser.add_argument(
        "--no-transparency-log",
        action="store_true",
        help="the signatures are in no public log, and need not be",
    )
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text", help="text or json (text)")
