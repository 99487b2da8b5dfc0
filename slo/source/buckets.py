"""Histogram buckets under one name: the same bound may change its spelling when a client or server is upgraded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from slo.promql.le import canonical_le
from slo.samples import SeriesKey, SeriesSamples


def canonical_buckets(samples: Sequence[SeriesSamples]) -> list[SeriesSamples]:
    """The samples with `le` in one spelling; series that thereby become one are joined in the order of time."""
    if not any("le" in one.labels for one in samples):
        return list(samples)
    joined: dict[SeriesKey, SeriesSamples] = {}
    for one in samples:
        if "le" in one.labels:
            one = SeriesSamples({**one.labels, "le": canonical_le(one.labels["le"])}, one.times, one.values)
        known = joined.get(one.key)
        joined[one.key] = _join(known, one) if known else one
    return list(joined.values())


def _join(first: SeriesSamples, second: SeriesSamples) -> SeriesSamples:
    times, positions = np.unique(np.concatenate([first.times, second.times]), return_index=True)
    return SeriesSamples(first.labels, times, np.concatenate([first.values, second.values])[positions])
