"""A text with PromQL queries between explanations, as wikis and labs have them: the availability is found in it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from slo.spec.peers.draft import Draft, Drafts, Reading, filled
from slo.spec.peers.query import Share, ratio_of, read_query
from slo.spec.places import Path

_FENCE = re.compile(r"^```[^\n]*\n(.*?)^```", re.DOTALL | re.MULTILINE)
_RANGE = re.compile(r"\[(\d+[smhdwy])\]")
_TARGET = re.compile(r"1\s*-\s*(0?\.\d+)")
_LONG = re.compile(r"\d+[dwy]")


def read_queries(reading: Reading, text: str) -> Drafts:
    """The one objective that the queries are about. Path and places are the text's as a whole."""
    nowhere: Path = ()
    queries = [query for query in _queries(text) if "rate(" in query or "increase(" in query]
    shares: dict[str, tuple[Share, str]] = {}
    for query in queries:
        try:
            found = read_query(query)
        except ValueError:
            continue
        window = next((one for one in _RANGE.findall(query) if _LONG.fullmatch(one)), "")
        if isinstance(found, Share) and window:
            shares.setdefault(query, (found, window))
    if not shares:
        reading.lose(nowhere, "no query is a ratio of two counters over days; nothing is carried over")
        return
    share, window = next(iter(shares.values()))
    targets = sorted(set(_TARGET.findall(text)))
    if len(targets) != 1:
        told = "none" if not targets else ", ".join(targets)
        reading.lose(nowhere, f"the target is not clear (1 - target: {told}); 99.9% is written, correct it")
    # Of what is good: an availability is not an error ratio.
    is_bad = share.is_complement is True or _is_bad(share)
    sli, groups = ratio_of(share.part, share.whole, is_bad=is_bad)
    entry = {
        "name": "availability",
        "target": targets[0] if len(targets) == 1 else "99.9%",
        "window": window,
        "group_by": list(groups),
        "sli": sli,
    }
    namespace = re.search(r'namespace="([a-z0-9-]+)"', next(iter(shares)))
    yield Draft(namespace[1] if namespace else "service", filled(entry))
    left = len(queries) - 1
    if left:
        reading.lose(nowhere, f"{left} other queries follow from the objective: `slo report` and `slo rules` give them")


def _is_bad(share: Share) -> bool:
    """Whether what is counted are errors: a positive match of server errors."""
    matchers = getattr(getattr(share.part, "selector", None), "matchers", ())
    return any(one.op.value in ("=", "=~") and one.value.startswith(("5", "(5")) for one in matchers)


def _queries(text: str) -> Iterator[str]:
    fenced = _FENCE.findall(text)
    blocks = fenced or re.split(r"\n\s*\n", text)
    for block in blocks:
        lines = [line for line in block.splitlines() if not line.lstrip().startswith("#")]
        yield "\n".join(lines).strip()
