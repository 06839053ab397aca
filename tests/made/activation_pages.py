"""The database `activations` behind Datasette, asked for without a socket; on 0.65 and on 1.0 alike."""

import asyncio
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import datasette
from datasette.app import Datasette
from datasette.plugins import pm

from atlas.site.duckdb import plugin
from atlas.site.duckdb.database import ActivationsDatabase

NEXT = not datasette.__version__.startswith("0.")
"""Whether this is Datasette 1.0, where a few addresses and answers differ."""
SQL_PAGE = "/activations/-/query" if NEXT else "/activations"

if not pm.is_registered(plugin):  # an environment that has the dependencies, but not the package
    pm.register(plugin, name="feature_atlas_activations")


class Served:
    """A snapshot in Datasette."""

    def __init__(self, folder: Path | None, settings: dict[str, Any] | None = None, **options: Any) -> None:
        self._runner = asyncio.Runner()
        self.datasette = Datasette(config_dir=folder, **options)
        self.datasette._settings.update(settings or {})  # 1.0 takes none beside those of datasette.yaml
        self.datasette.max_returned_rows = self.datasette.setting("max_returned_rows")
        self.datasette.page_size = self.datasette.setting("default_page_size")
        self.datasette.sql_time_limit_ms = self.datasette.setting("sql_time_limit_ms")
        self.run(self.datasette.invoke_startup())

    @property
    def database(self) -> ActivationsDatabase:
        database = self.datasette.databases["activations"]
        assert isinstance(database, ActivationsDatabase)
        return database

    def run(self, coroutine: Any) -> Any:
        return self._runner.run(coroutine)

    def gather(self, *paths: str) -> list[Any]:
        """Responses to requests made at the same time."""

        async def all_at_once() -> list[Any]:
            return await asyncio.gather(*(self.datasette.client.get(path) for path in paths))

        found: list[Any] = self.run(all_at_once())
        return found

    def get(self, path: str, status: int | None = 200, /, **arguments: Any) -> Any:
        address = f"{path}?{urlencode(arguments, doseq=True)}" if arguments else path
        response = self.run(self.datasette.client.get(address))
        assert status in (None, response.status_code), f"{address}: {response.status_code} {response.text[:2000]}"
        return response

    def rows(self, name: str, /, **arguments: Any) -> list[dict[str, Any]]:
        """Rows of a table or a saved query."""
        found: list[dict[str, Any]] = self.get(f"/activations/{name}.json", _shape="array", **arguments).json()
        return found

    def sql(self, sql: str, /, **arguments: Any) -> list[dict[str, Any]]:
        """Rows of a statement of one's own."""
        found: list[dict[str, Any]] = self.get(f"{SQL_PAGE}.json", sql=sql, _shape="array", **arguments).json()
        return found

    def refusal(self, sql: str, status: int = 400, /, **arguments: Any) -> str:
        """What is said about a statement that cannot be run."""
        answer = self.get(f"{SQL_PAGE}.json", status, sql=sql, **arguments).json()
        return str(answer.get("error") or answer)

    def walk(self, table: str, /, **arguments: Any) -> list[dict[str, Any]]:
        """Every row of a table, page by page."""
        found: list[dict[str, Any]] = []
        following: str | None = None
        while True:
            more: Any = {"_next": following} if following else {}
            page = self.get(f"/activations/{table}.json", _shape="objects", **arguments, **more).json()
            found += page["rows"]
            following = page.get("next")
            if not following:
                return found

    def facet(self, table: str, /, **arguments: Any) -> dict[str, list[tuple[Any, int]]]:
        """Values and counts of each facet asked for."""
        extra: Any = {"_extra": "facet_results"} if NEXT else {}
        answer = self.get(f"/activations/{table}.json", **arguments, **extra).json()["facet_results"]
        facets = answer["results"] if NEXT else answer
        return {name: [(each["value"], each["count"]) for each in facet["results"]] for name, facet in facets.items()}

    def count(self, table: str, /, **arguments: Any) -> int:
        """The count on a table's page."""
        extra: Any = {"_extra": "count"} if NEXT else {}
        answer = self.get(f"/activations/{table}.json", **arguments, **extra).json()
        return int(answer["count" if NEXT else "filtered_table_rows_count"])

    def close(self) -> None:
        for database in self.datasette.databases.values():
            database.close()
        if NEXT:
            self.datasette.get_internal_database().close()
        self.datasette.executor.shutdown()
        self._runner.close()


@contextmanager
def serving(folder: Path | None, **options: Any) -> Iterator[Served]:
    served = Served(folder, **options)
    try:
        yield served
    finally:
        served.close()


def changed(snapshot: Path, folder: Path, *statements: str) -> Path:
    """A copy of a snapshot with other rows."""
    shutil.copytree(snapshot, folder)
    with closing(sqlite3.connect(folder / "atlas.db")) as database, database:
        for statement in statements:
            database.execute(statement)
    return folder
