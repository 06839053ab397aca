"""A section of the page of a feature: what it gets, and what it gives.

A section is a folder here, with its Python in `__init__.py`, its SQL and its template, and a name in the page's LAYOUT:

    neighbours/__init__.py      HEADING = "Neighbours", its name in the page's list of contents
                                async def read(about: Feature) -> Record | None
                                FILTERS = {...}, where its template has filters of its own
    neighbours/rows.sql         about.rows("neighbours/rows") reads it, with :sae, :feature and :tokenization filled in
    neighbours/section.html     shows the record, which it knows as `section`

The record is plain data: it stands in the page's JSON under the section's name as it is. None or an empty
list says that there is nothing to show, and leaves the section out of the page. A table that an older snapshot has not
is read by `about.rows_if_published`; the database of activations, which may be missing or late, by
`about.activation_rows`.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from atlas.site.pages.addresses import ACTIVATIONS, DATABASE, feature_address, row_address, table_address
from atlas.site.pages.rows import Row, page_rows_of_activations, row, rows, rows_if_published

if TYPE_CHECKING:
    from datasette.app import Datasette

Record = dict[str, Any] | list[Row]
FOLDER = __package__.rpartition(".")[2]


@dataclass(frozen=True)
class Feature:
    """What a section gets: the feature that the page is about, its rows, and the addresses of what belongs to it.

    `sae` is the row that `sae_named` finds, `corpora` its statistics in each corpus that the SAE has read.
    """

    datasette: "Datasette"
    sae: Row
    index: int
    corpora: tuple[Row, ...] = ()

    async def row(self, name: str, /, **values: object) -> Row | None:
        """The first row of a statement about this feature."""
        return await row(self.datasette, f"{FOLDER}/{name}", **self._values(values))

    async def rows(self, name: str, /, **values: object) -> list[Row]:
        """The rows of a statement about this feature."""
        return await rows(self.datasette, f"{FOLDER}/{name}", **self._values(values))

    async def rows_if_published(self, table: str, name: str, /, **values: object) -> list[Row]:
        """The rows of a statement on a table, or none where the snapshot is older than the table."""
        return await rows_if_published(self.datasette, table, f"{FOLDER}/{name}", **self._values(values))

    async def activation_rows(self, name: str, /, **values: object) -> list[Row]:
        """The rows of a statement on the database of activations; none where it is missing or does not answer."""
        own = {"sae": self.sae["sae"], "feature": self.index}
        return await page_rows_of_activations(self.datasette, f"{FOLDER}/{name}", **own | values) or []

    def rows_behind(self, table: str, **chosen: object) -> str:
        """Where Datasette shows the rows of a table that are about this feature."""
        filtered: dict[str, Any] = {"sae": self.sae["sae"], "feature": self.index, **chosen}
        return table_address(self.datasette, table, **filtered)

    def query(self, name: str, database: str = DATABASE) -> str | None:
        """A saved query about this feature; None where the snapshot has no such database."""
        if database == ACTIVATIONS and ACTIVATIONS not in self.datasette.databases:
            return None
        return table_address(self.datasette, name, database=database, sae=self.sae["name"], feature=self.index)

    def page_of(self, feature: int) -> str:
        """The page of another feature of the same SAE."""
        return feature_address(self.datasette, self.sae["name"], feature)

    def linked(self, other: Row) -> Row:
        """A row about another feature of the same SAE, `other_feature`, with the address of its page."""
        return {**other, "address": self.page_of(other["other_feature"])}

    def document(self, key: int | None) -> str | None:
        """Where Datasette shows a document."""
        return None if key is None else row_address(self.datasette, "document", key)

    def _values(self, values: dict[str, object]) -> dict[str, object]:
        own = {"sae": self.sae["sae"], "feature": self.index, "tokenization": self.sae["tokenization"]}
        return own | values


@dataclass(frozen=True)
class Section:
    """A section as its page knows it: its name in addresses and in the JSON, what it is called, and what reads it."""

    name: str
    heading: str
    read: Callable[[Feature], Awaitable[Record | None]]
    filters: Mapping[str, Callable[..., Any]] = field(default_factory=dict)


SHOWN = ("corpus", "name", "tokens_read", "active_tokens", "max_activation")


def by_corpus(corpora: Iterable[Row], name: str, found: Iterable[Row]) -> list[Row]:
    """The corpora that have such rows, each with its own under a name."""
    grouped: dict[int, list[Row]] = defaultdict(list)
    for each in found:
        grouped[each["corpus"]].append({column: value for column, value in each.items() if column != "corpus"})
    return [
        {**{column: corpus[column] for column in SHOWN}, name: grouped[corpus["corpus"]]}
        for corpus in corpora
        if corpus["corpus"] in grouped
    ]


def find_section(name: str) -> Section:
    """The section in the folder of that name."""
    found = import_module(f"{__package__}.{name}")
    return Section(name, found.HEADING, found.read, getattr(found, "FILTERS", {}))
