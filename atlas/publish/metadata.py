"""Datasette's files in a snapshot: what 0.65 and 1.0 read from a folder, or with their options.

| file | Datasette 0.65 | Datasette 1.0 |
|---|---|---|
| metadata.json | all of it | titles and descriptions; tables' and plugins' settings are taken over too |
| settings.json | read from the folder | not read |
| datasette.yaml | not read | settings, canned queries, tables' settings |
| templates/ | pages that differ from its own | the same |
| inspect-data.json | the databases are immutable, their counts known | the same |
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import Table

from atlas.publish.activations import ACTIVATIONS, ACTIVATIONS_FILE, ACTIVATIONS_PLUGIN, PLUGIN
from atlas.publish.browsing import BROWSING, Browsing, browsing_in_full
from atlas.publish.canned_queries import (
    DATABASE_NAME,
    canned_query,
    published_queries,
    published_query_name,
    queries_html,
    render_description,
)
from atlas.publish.current import Publication
from atlas.publish.database import ATLAS_FILE
from atlas.publish.snapshot_facts import About, snapshot_program_version
from atlas.publish.tables import published_tables, sqlite_tables

SETTINGS: dict[str, bool | int] = {
    "allow_download": False,
    "default_cache_ttl": 0,
    "default_page_size": 50,
    "max_returned_rows": 1000,
    "max_csv_mb": 0,
    "sql_time_limit_ms": 2500,
    "num_sql_threads": 5,
    "facet_time_limit_ms": 500,
    "default_facet_size": 12,
    "suggest_facets": False,
    "truncate_cells_html": 1500,
}

CLOSED_TO_ROBOTS = ("/atlas", "/activations", "/-/", "/chart/", "/find", "/live")
"""Addresses without end, each of them a query; the start page and those of features may be found."""


@dataclass(frozen=True)
class Served:
    """A database of a snapshot: its name and file, its tables, and how each of them opens."""

    name: str
    file: str
    tables: Mapping[str, Table]
    browsing: Callable[[str], Browsing]


Counts = Mapping[str, Mapping[str, int]]
"""The rows of each table, by the name of the database."""


def describe_databases(counts: Counts) -> tuple[Served, Served]:
    """The SQLite copy, and the DuckDB file with every row."""

    def _in_part(table: str) -> Browsing:
        return BROWSING.get(table, Browsing()).of_size(counts[DATABASE_NAME].get(table, 0))

    def _in_full(table: str) -> Browsing:
        return browsing_in_full(table).of_size(counts[ACTIVATIONS].get(table, 0))

    return (
        Served(DATABASE_NAME, ATLAS_FILE, sqlite_tables().tables, _in_part),
        Served(ACTIVATIONS, ACTIVATIONS_FILE, published_tables().tables, _in_full),
    )


def write_metadata(folder: Path, counts: Counts, about: About, publication: Publication) -> None:
    """Write the files that make `datasette FOLDER` show the snapshot as it is meant."""
    databases = describe_databases(counts)
    metadata = datasette_metadata(databases, about, publication)
    _write_json(folder / "metadata.json", metadata)
    _write_json(folder / "settings.json", SETTINGS)
    _write_json(folder / "inspect-data.json", _inspection(folder, databases, counts, publication))
    config = yaml.dump(
        _configuration(databases, metadata), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120
    )
    (folder / "datasette.yaml").write_text(config, encoding="utf-8")
    for kind in ("static", "templates"):
        (folder / kind).mkdir()
        for file in (files("atlas.publish") / kind).iterdir():
            (folder / kind / file.name).write_bytes(file.read_bytes())


def datasette_metadata(served: Sequence[Served], about: About, publication: Publication) -> dict[str, Any]:
    """Titles, descriptions, licences, tables and canned queries as Datasette 0.65 reads them."""
    databases = {each.name: _database(each, about) for each in served}
    made = f"feature-atlas {snapshot_program_version()}, schema version {publication.schema_version}"
    return {
        "title": about.title,
        "description_html": databases[DATABASE_NAME]["description_html"],
        "license": about.licence,
        "source": f"{publication.atlas}, published {publication.published_at}",
        "about": made,
        "extra_css_urls": ["/static/atlas.css"],
        "plugins": _plugins(about, publication),
        "databases": databases,
    }


def _database(served: Served, about: About) -> dict[str, object]:
    listed = queries_html(published_queries(served.name), served.name) + tables_html(served)
    return {
        "description_html": render_description("notes.html", notes=about.notes) + listed,
        "tables": {name: _table(table, served.browsing(name)) for name, table in sorted(served.tables.items())},
        "queries": _queries(served, about),
    }


def _queries(served: Served, about: About) -> dict[str, object]:
    queries = published_queries(served.name)
    return {published_query_name(query): canned_query(query, about.instance) for query in queries}


def _plugins(about: About, publication: Publication) -> dict[str, object]:
    """Settings of plugins: what bounds SQL and names the atlas, and what robots leave alone."""
    return {
        PLUGIN: {"atlas": publication.atlas, "longest_text": about.longest_text},
        ACTIVATIONS_PLUGIN: {"file": ACTIVATIONS_FILE},
        "datasette-block-robots": {"disallow": [*CLOSED_TO_ROBOTS]},
    }


def tables_html(served: Served) -> str:
    """What each table holds, folded away; Datasette's own list gives names and columns only."""
    shown = {
        name: _description(table, served.browsing(name))
        for name, table in sorted(served.tables.items())
        if not served.browsing(name).hidden
    }
    return render_description("tables.html", database=served.name, tables=shown)


def _description(table: Table, browsing: Browsing) -> str:
    comment = f"{table.comment}." if table.comment else ""
    return " ".join(filter(None, (comment, browsing.note)))


def _table(table: Table, browsing: Browsing) -> dict[str, object]:
    return {
        "description": _description(table, browsing),
        "columns": {column.name: column.comment for column in table.columns if column.comment},
        **browsing.settings(),
    }


def _configuration(databases: Sequence[Served], metadata: dict[str, Any]) -> dict[str, object]:
    """The part of the metadata that Datasette 1.0 calls configuration."""
    return {
        "settings": SETTINGS,
        "extra_css_urls": metadata["extra_css_urls"],
        "plugins": metadata["plugins"],
        "databases": {
            served.name: {"tables": _table_settings(served), "queries": metadata["databases"][served.name]["queries"]}
            for served in databases
        },
    }


def _table_settings(served: Served) -> dict[str, object]:
    settings = {str(name): served.browsing(name).settings() for name in sorted(served.tables)}
    return {name: found for name, found in settings.items() if found}


def _inspection(
    folder: Path, databases: Sequence[Served], counts: Counts, publication: Publication
) -> dict[str, object]:
    return {
        served.name: {
            "hash": publication.fingerprint,
            "size": (folder / served.file).stat().st_size,
            "file": served.file,
            "tables": {name: {"count": count} for name, count in counts[served.name].items()},
        }
        for served in databases
    }


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


class _Dumper(yaml.CSafeDumper if yaml.__with_libyaml__ else yaml.SafeDumper):  # type: ignore[misc]
    """YAML in which a text of several lines stands as it reads."""


def _represent_text(dumper: yaml.representer.BaseRepresenter, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent_text)
