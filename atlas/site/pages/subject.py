"""The feature that a page is about, and how its parts read rows and link to them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from atlas.site.pages.addresses import feature_address, row_address, table_address
from atlas.site.pages.reading import Row, row, rows, rows_if_published

if TYPE_CHECKING:
    from datasette.app import Datasette


@dataclass(frozen=True)
class Subject:
    """A feature of an SAE; `sae` is the row that `sae_named` finds."""

    datasette: "Datasette"
    sae: Row
    feature: int

    async def row(self, name: str, /, **values: object) -> Row | None:
        """The first row of a statement about this feature."""
        return await row(self.datasette, name, **self._values(values))

    async def rows(self, name: str, /, **values: object) -> list[Row]:
        """The rows of a statement about this feature."""
        return await rows(self.datasette, name, **self._values(values))

    async def rows_if_published(self, table: str, name: str, /, **values: object) -> list[Row]:
        """The same, or none where the snapshot has no such table."""
        return await rows_if_published(self.datasette, table, name, **self._values(values))

    def rows_behind(self, table: str, **chosen: object) -> str:
        """Where Datasette shows the rows of a table that are about this feature."""
        filtered: dict[str, Any] = {"sae": self.sae["sae"], "feature": self.feature, **chosen}
        return table_address(self.datasette, table, **filtered)

    def page_of(self, feature: int) -> str:
        """The page of another feature of the same SAE."""
        return feature_address(self.datasette, self.sae["name"], feature)

    def document(self, key: int | None) -> str | None:
        """Where Datasette shows a document."""
        return None if key is None else row_address(self.datasette, "document", key)

    def _values(self, values: dict[str, object]) -> dict[str, object]:
        own = {"sae": self.sae["sae"], "feature": self.feature, "tokenization": self.sae["tokenization"]}
        return own | values
