"""The `le` label of histogram buckets: one bound, several spellings."""

from __future__ import annotations

import re
from decimal import Decimal


def le_spellings(bound: Decimal) -> str:
    """A regular expression for every way in which client libraries and Prometheus write this bound.

    "1" by Go and older servers, "1.0" by Python, Java and Prometheus 3, exponents for very small and large ones.
    """
    value = float(bound)
    plain = format(bound.normalize(), "f")
    mantissa, _, exponent = f"{value:e}".partition("e")
    mantissa = mantissa.rstrip("0").rstrip(".")
    scientific = f"{mantissa}e{exponent[0]}{int(exponent[1:]):02d}"
    with_point = plain if "." in plain else f"{plain}.0"
    spellings = {plain, with_point, f"{with_point}0", scientific, repr(value)}
    return "|".join(re.escape(spelling).replace("\\-", "-") for spelling in sorted(spellings))


def canonical_le(text: str) -> str:
    """One spelling for one bound, so that a bucket that is renamed by an upgrade stays one series."""
    try:
        return repr(float(text))
    except ValueError:
        return text
