"""Migrations: together they give what `schema.tables` declares, and files of other versions are told apart."""

from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from sqlalchemy import URL, create_engine, event

from schema import AtlasVersionError, open_atlas
from schema.migrations import MIGRATIONS, VERSION, Migration, migrate
from schema.tables import metadata
from schema.verify import verify
from tests.made.older_atlas import build_older_atlas

DECLARED = {
    "tables": "SELECT table_name, comment FROM duckdb_tables() ORDER BY ALL",
    "columns": """
        SELECT table_name, column_name, column_index, data_type, is_nullable, column_default, comment
        FROM duckdb_columns()
        WHERE NOT internal
        ORDER BY ALL
    """,
    "constraints": """
        SELECT table_name, constraint_type, constraint_text, constraint_column_names, referenced_table,
          referenced_column_names
        FROM duckdb_constraints()
        ORDER BY ALL
    """,
    "rest": "SELECT index_name FROM duckdb_indexes() UNION ALL SELECT sequence_name FROM duckdb_sequences()",
}


def declared(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    with duckdb.connect(str(path), read_only=True) as file:
        return {what: file.execute(sql).fetchall() for what, sql in DECLARED.items()}


def test_all_migrations_give_what_is_declared_and_what_a_new_file_holds(empty_built: Path, tmp_path: Path) -> None:
    build_older_atlas(empty_built, tmp_path / "migrated.duckdb", VERSION)
    engine = create_engine(URL.create("duckdb", database=str(tmp_path / "declared.duckdb")))
    metadata.create_all(engine)
    engine.dispose()
    migrated, created = declared(tmp_path / "migrated.duckdb"), declared(tmp_path / "declared.duckdb")
    assert migrated == created == declared(empty_built)
    assert len(migrated["tables"]) == len(metadata.tables)
    assert migrated["rest"] == []


def test_a_new_file_is_made_at_once_or_not_at_all(tmp_path: Path) -> None:
    """Cut short by a connection that fails at its last statement, and then by none."""
    engine = create_engine(URL.create("duckdb", database=str(tmp_path / "atlas.duckdb")))

    @event.listens_for(engine, "before_cursor_execute")
    def _fail(*arguments: Any) -> None:
        if arguments[2].startswith("INSERT INTO migration") and arguments[3][0] == VERSION:
            raise ZeroDivisionError

    with engine.connect() as connection:
        with pytest.raises(ZeroDivisionError):
            migrate(connection, tmp_path / "atlas.duckdb", read_only=False)
        assert connection.exec_driver_sql("SELECT COUNT(*) FROM duckdb_tables()").scalar() == 0
    engine.dispose()
    open_atlas(tmp_path / "atlas.duckdb").close()


def test_every_table_and_column_says_what_it_holds() -> None:
    for table in metadata.sorted_tables:
        assert table.comment, table.name
        for column in table.columns:
            assert column.comment, f"{table.name}.{column.name}"


def test_migrations_are_numbered_in_order_and_recorded(tmp_path: Path) -> None:
    names = [migration.name for migration in MIGRATIONS]
    assert [name[:5] for name in names] == [f"m{number:03}_" for number in range(1, VERSION + 1)]
    with open_atlas(tmp_path / "atlas.duckdb", create=True) as atlas:
        recorded = atlas.rows("SELECT migration, name FROM migration ORDER BY migration")
    assert recorded == list(enumerate(names, start=1))


def test_a_second_opening_applies_nothing(tmp_path: Path) -> None:
    path = tmp_path / "atlas.duckdb"
    open_atlas(path, create=True).close()
    before = path.read_bytes()
    open_atlas(path).close()
    assert path.read_bytes() == before


def test_a_newer_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "atlas.duckdb"
    with open_atlas(path, create=True) as atlas:
        atlas.rows(f"INSERT INTO migration VALUES ({VERSION + 1}, 'm999_later', current_timestamp)")
    for read_only in (False, True):
        with pytest.raises(AtlasVersionError, match=f"version {VERSION + 1}.*upgrade feature-atlas"):
            open_atlas(path, read_only=read_only)


def test_an_older_file_is_brought_up_unless_it_is_read_only(tmp_path: Path) -> None:
    path = tmp_path / "atlas.duckdb"
    duckdb.connect(str(path)).close()
    with pytest.raises(AtlasVersionError, match=r"version 0.*atlas verify"):
        open_atlas(path, read_only=True)
    open_atlas(path).close()
    open_atlas(path, read_only=True).close()


def test_a_migration_that_fails_leaves_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "atlas.duckdb"
    engine = create_engine(URL.create("duckdb", database=str(path)))
    with engine.connect() as connection:
        with pytest.raises(ZeroDivisionError), connection.begin():
            Migration("m001_create_tables").apply(connection)
            raise ZeroDivisionError
        assert connection.exec_driver_sql("SELECT COUNT(*) FROM duckdb_tables()").scalar() == 0
    engine.dispose()
    open_atlas(path).close()


def test_moments_of_cancelled_sums_are_computed_anew_and_tokens_ranked(tiny_built: Path, tmp_path: Path) -> None:
    path = tmp_path / "older.duckdb"
    build_older_atlas(tiny_built, path, MIGRATIONS.index(Migration("m005_moments")))
    with duckdb.connect(str(path)) as file:
        file.execute("UPDATE feature SET logit_std = 1e-9, logit_kurtosis = 0 WHERE feature = 1")
    with open_atlas(path) as migrated, open_atlas(tiny_built, read_only=True) as expected:
        assert not any(finding.violations for finding in verify(migrated))
        for table in ("feature_corpus", "feature_top_token"):
            found, wanted = (atlas.arrow(f"FROM {table} ORDER BY ALL").to_pandas() for atlas in (migrated, expected))
            pd.testing.assert_frame_equal(found, wanted, rtol=1e-9, atol=1e-9)
        shapes = "SELECT DISTINCT logit_skewness, logit_kurtosis FROM feature WHERE feature = 1"
        assert migrated.rows(shapes) == [(None, None)]
        assert migrated.rows("SELECT COUNT(*) FROM feature WHERE logit_kurtosis IS NULL") == [(4,)]
