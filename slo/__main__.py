"""`python -m slo` is the command `slo`."""

from slo.cli import main

main()
