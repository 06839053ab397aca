"""Datasette's files in a snapshot: what 0.65 and 1.0 read from a folder, or with their options.

| file | Datasette 0.65 | Datasette 1.0 |
|---|---|---|
| metadata.json | all of it | titles and descriptions; a table's settings are taken over too |
| settings.json | read from the folder | not read |
| datasette.yaml | not read | settings, canned queries, tables' settings |
| templates/ | pages that differ from its own | the same |
| inspect-data.json | the database is immutable, its counts known | the same |
"""

import json
from collections.abc import Iterable
from html import escape
from pathlib import Path

import yaml
from sqlalchemy import Table

from atlas.publish.about import About
from atlas.publish.browsing import BROWSING, Browsing
from atlas.publish.canned import DATABASE_NAME, canned_query, published_queries, queries_html
from atlas.publish.database import DATABASE
from atlas.publish.fingerprint import program_version
from atlas.publish.site import Publication
from atlas.publish.tables import sqlite_tables

SETTINGS: dict[str, bool | int] = {
    "allow_download": False,
    "default_page_size": 50,
    "max_returned_rows": 1000,
    "sql_time_limit_ms": 2500,
    "facet_time_limit_ms": 500,
    "default_facet_size": 12,
    "suggest_facets": False,
    "truncate_cells_html": 1500,
}

STYLESHEET = """
h1, .page-header { border-color: #276890 !important; }
.atlas-parameters { border-collapse: collapse; margin: 0.5em 0 1em; }
.atlas-parameters th, .atlas-parameters td { text-align: left; padding: 0.15em 1.2em 0.15em 0; vertical-align: top; }
.metadata-description { max-width: 60em; }
.metadata-description ul { margin: 0 0 1em 1.2em; }
.metadata-description li { list-style: disc; margin-bottom: 0.2em; }
.metadata-description summary { cursor: pointer; font-weight: bold; }
dl.column-descriptions { display: grid; grid-template-columns: max-content 1fr; gap: 0.1em 1em; font-size: 0.85em; }
dl.column-descriptions { align-items: baseline; }
dl.column-descriptions dd { padding-left: 0; margin: 0; }
@media (min-width: 1100px) { dl.column-descriptions { grid-template-columns: repeat(2, max-content 1fr); } }
td.col-Link { font-size: 0.75em; }
td.col-sentence, td.col-text, td.col-example { min-width: 26em; white-space: pre-wrap; }
td.col-top_tokens, td.col-raises, td.col-lowers, td.col-arguments { min-width: 18em; }
.facet-info { width: auto; min-width: 250px; }
@media (max-width: 576px) { form.sql label { display: block; width: auto; } }
"""

QUERY_TEMPLATE = """
{% extends "default:query.html" %}

{% block title %}
{%- if canned_query and metadata.title %}{{ metadata.title }}{% else %}{{ super() }}{% endif -%}
{% endblock %}
"""
"""Datasette's page of a query, under its title instead of its SQL."""


def write_metadata(folder: Path, counts: dict[str, int], about: About, publication: Publication) -> None:
    """Write the files that make `datasette FOLDER` show the snapshot as it is meant."""
    metadata = datasette_metadata(about, publication)
    _write_json(folder / "metadata.json", metadata)
    _write_json(folder / "settings.json", SETTINGS)
    _write_json(folder / "inspect-data.json", _inspection(folder, counts, publication))
    config = yaml.dump(_configuration(metadata, about), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    (folder / "datasette.yaml").write_text(config, encoding="utf-8")
    (folder / "static").mkdir()
    (folder / "static" / "atlas.css").write_text(STYLESHEET.lstrip(), encoding="utf-8")
    (folder / "templates").mkdir()
    (folder / "templates" / "query.html").write_text(QUERY_TEMPLATE.lstrip(), encoding="utf-8")


def datasette_metadata(about: About, publication: Publication) -> dict[str, object]:
    """Titles, descriptions, licences, tables and canned queries as Datasette 0.65 reads them."""
    queries, tables = published_queries(), sqlite_tables().tables
    description = about.html + queries_html(queries) + tables_html(tables.values())
    made = f"feature-atlas {program_version()}, schema version {publication.schema_version}"
    return {
        "title": about.title,
        "description_html": description,
        "license": about.licence,
        "source": f"{publication.atlas}, published {publication.published_at}",
        "about": made,
        "extra_css_urls": ["/static/atlas.css"],
        "databases": {
            DATABASE_NAME: {
                "description_html": description,
                "tables": {name: _table(table) for name, table in sorted(tables.items())},
                "queries": {query.name: canned_query(query, about.instance) for query in queries},
            }
        },
    }


def tables_html(tables: Iterable[Table]) -> str:
    """What each table holds, folded away; Datasette's own list gives names and columns only."""
    entries = "".join(
        f'<li><a href="{DATABASE_NAME}/{table.name}">{table.name}</a>: {escape(_description(table))}</li>'
        for table in sorted(tables, key=lambda table: table.name)
        if not BROWSING.get(table.name, Browsing()).hidden
    )
    return f"<details><summary>What the tables hold</summary><ul>{entries}</ul></details>"


def _description(table: Table) -> str:
    comment = f"{table.comment}." if table.comment else ""
    return " ".join(filter(None, (comment, BROWSING.get(table.name, Browsing()).note)))


def _table(table: Table) -> dict[str, object]:
    return {
        "description": _description(table),
        "columns": {column.name: column.comment for column in table.columns if column.comment},
        **BROWSING.get(table.name, Browsing()).settings(),
    }


def _configuration(metadata: dict[str, object], about: About) -> dict[str, object]:
    """The part of the metadata that Datasette 1.0 calls configuration."""
    queries = {query.name: canned_query(query, about.instance) for query in published_queries()}
    tables = {name: browsing.settings() for name, browsing in BROWSING.items() if browsing.settings()}
    return {
        "settings": SETTINGS,
        "extra_css_urls": metadata["extra_css_urls"],
        "databases": {DATABASE_NAME: {"tables": tables, "queries": queries}},
    }


def _inspection(folder: Path, counts: dict[str, int], publication: Publication) -> dict[str, object]:
    return {
        DATABASE_NAME: {
            "hash": publication.fingerprint,
            "size": (folder / DATABASE).stat().st_size,
            "file": DATABASE,
            "tables": {name: {"count": count} for name, count in counts.items()},
        }
    }


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


class _Dumper(yaml.SafeDumper):
    """YAML in which a text of several lines stands as it reads."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent_text)
