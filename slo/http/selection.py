"""Which rows the overview shows and in which order: what a reader asked for in the address."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from urllib.parse import urlencode

from slo.render.figures import WORST_FIRST, order_of
from slo.report import State
from slo.serving.views import Row

PAGE_ROWS = 1000
"""More rows than that are spread over pages; a browser lays so many out in a fraction of a second."""
_LONGEST_TEXT = 200

_Key = Callable[[Row], float | Decimal | tuple[object, ...] | str | None]


def _availability(row: Row) -> Decimal | None:
    try:
        return Decimal(row.availability_percent.rstrip("%"))
    except InvalidOperation:
        return None


_SORTS: dict[str, tuple[_Key, bool]] = {
    "worst": (lambda row: order_of(row.state, row.remaining_ratio, row.slo), False),
    "name": (lambda row: row.slo, False),
    "availability": (_availability, False),
    "budget": (lambda row: row.remaining_ratio, False),
    "minutes": (lambda row: row.remaining_minutes, False),
    "burn_1h": (lambda row: row.burn_1h, True),
    "burn_6h": (lambda row: row.burn_6h, True),
}
"""What can be sorted by, and whether the interesting end of it is the greatest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What a reader asked for. text: words that must all appear; state: "" for any; groups: as rows of their own."""

    text: str = ""
    state: str = ""
    sort: str = "worst"
    backwards: bool = False
    groups: bool = False
    page: int = 1

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> Query:
        """What makes no sense is left out: a mistyped address still shows a page."""
        state, sort, page = parameters.get("state", ""), parameters.get("sort", ""), parameters.get("page", "")
        return cls(
            text=" ".join(parameters.get("q", "")[:_LONGEST_TEXT].split()),
            state=state if state in {one.value for one in State} else "",
            sort=sort if sort in _SORTS else "worst",
            backwards=parameters.get("order") == "reverse",
            groups=parameters.get("groups") == "1",
            page=int(page) if page.isascii() and page.isdigit() and len(page) <= 6 else 1,
        )

    def address(self, **changes: object) -> str:
        """The query string of this query with some fields changed; from the first page, unless that is one of them."""
        asked = replace(self, **{"page": 1} | changes)  # type: ignore[arg-type]  # fields by name, from templates
        fields = {
            "q": asked.text,
            "state": asked.state,
            "sort": asked.sort if asked.sort != "worst" else "",
            "order": "reverse" if asked.backwards else "",
            "groups": "1" if asked.groups else "",
            "page": str(asked.page) if asked.page > 1 else "",
        }
        return "?" + urlencode({name: value for name, value in fields.items() if value})

    def sorted_by(self, sort: str) -> str:
        """The query string that a column's heading leads to: sorted by it, or the other way round if it is already."""
        return self.address(sort=sort, backwards=sort == self.sort and not self.backwards)

    def aria_sort(self, sort: str) -> str:
        """What a screen reader is told about a column's order."""
        if sort != self.sort:
            return "none"
        return "descending" if _SORTS[sort][1] != self.backwards else "ascending"


EVERYTHING = Query()


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The rows of one page. counts: by state, of all rows that match the text; matching: of these, in the chosen state.

    groups_matching: groups that match where groups are not shown. known: all objectives, without their groups.
    """

    rows: tuple[Row, ...]
    counts: Mapping[State, int]
    matching: int
    known: int
    first: int
    page: int
    pages: int
    groups_matching: int


def select(rows: Sequence[Row], query: Query) -> Selection:
    words = query.text.casefold().split()
    found = [row for row in rows if all(word in _said_of(row) for word in words)] if words else list(rows)
    shown = found if query.groups else [row for row in found if not row.group]
    counts = Counter(row.state for row in shown)
    chosen = [row for row in shown if row.state.value == query.state] if query.state else shown
    ordered = _ordered(chosen, query)
    pages = max(1, -(-len(ordered) // PAGE_ROWS))
    page = min(max(query.page, 1), pages)
    first = (page - 1) * PAGE_ROWS
    return Selection(
        rows=tuple(ordered[first : first + PAGE_ROWS]),
        counts={state: counts[state] for state in WORST_FIRST if counts[state]},
        matching=len(ordered),
        known=sum(not row.group for row in rows),
        first=first,
        page=page,
        pages=pages,
        groups_matching=len(found) - len(shown),
    )


def _ordered(rows: list[Row], query: Query) -> list[Row]:
    """What is not defined comes last, in either direction."""
    key, greatest_first = _SORTS[query.sort]
    keyed = [(key(row), row.slo, row) for row in rows]
    defined = sorted((one for one in keyed if one[0] is not None), key=lambda one: one[1])
    defined.sort(key=lambda one: one[0], reverse=greatest_first != query.backwards)  # type: ignore[arg-type,return-value]  # one kind of key in each sort
    return [row for _, _, row in defined] + [row for value, _, row in keyed if value is None]


def _said_of(row: Row) -> str:
    labels = " ".join(f"{name}={value}" for name, value in row.labels.items())
    return f"{row.slo} {labels} {row.state.value} {row.reason}".casefold()
