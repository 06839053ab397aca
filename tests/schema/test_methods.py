"""Rows of another revision of a method: never shown beside new ones, and gone or marked once the file is written."""

import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from atlas.publish import publish, snapshot_folder
from schema import AtlasFileError, AtlasVersionError, open_atlas
from schema.methods import METHODS, Method, outdated_methods
from schema.migrations import VERSION
from schema.parquet_folder import read_atlas_or_parquet_folder
from schema.tables import metadata
from schema.verify import verify

TAKEN_AS_READ = """
activation association association_document association_null bos_activation context contrast contrast_correlation
contrast_document contrast_null contrast_set corpus coverage document document_field feature feature_class
feature_classes feature_confirmation feature_contrast feature_corpus feature_document feature_domain feature_evidence
feature_example feature_histogram feature_import feature_lift feature_pair feature_target feature_token
feature_top_token ingest_run method_revision migration model sae sae_corpus sae_import scheduled_run shown_window token
tokenization vocabulary
"""
"""Tables of what was read and summed, those about the file, and those of a contrast or an association, marked there."""

Counts = Mapping[str, int]


def older(path: Path, *methods: str) -> None:
    with open_atlas(path) as atlas:
        for method in methods:
            atlas.rows("UPDATE method_revision SET revision = revision - 1 WHERE method = ?", [method])


def counted(path: Path, *, read_only: bool = True) -> Counts:
    with open_atlas(path, read_only=read_only) as atlas:
        return {name: int(atlas.rows(f"SELECT COUNT(*) FROM {name}")[0][0]) for name in metadata.tables}


def published(folder: Path, sql: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(folder / "atlas.db") as database:
        return database.execute(sql).fetchall()


def unmarked(path: Path, method: Method) -> int:
    assert method.mark
    with open_atlas(path, read_only=True) as atlas:
        sql = f"SELECT COUNT(*) FROM {method.mark.table.name} WHERE {method.mark.whose} AND {method.mark.column} <> ''"
        return int(atlas.rows(sql)[0][0])


def test_every_table_is_of_a_method_or_of_what_was_read() -> None:
    of_methods = [table.name for method in METHODS.values() for table in method.rows]
    of_methods += [method.mark.table.name for method in METHODS.values() if method.mark]
    assert len(of_methods) == len(set(of_methods))
    assert set(of_methods).isdisjoint(TAKEN_AS_READ.split())
    assert {*of_methods, *TAKEN_AS_READ.split()} == set(metadata.tables)


def test_rows_of_another_revision_are_not_read_and_gone_once_the_file_is_written(
    tiny_copy: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = counted(tiny_copy)
    assert all(before[table.name] for method in METHODS.values() for table in method.rows)
    older(tiny_copy, *METHODS)
    expected = {**before, **{table.name: 0 for method in METHODS.values() for table in method.rows}}
    marking = [method for method in METHODS.values() if method.mark]
    assert counted(tiny_copy) == expected
    commands = [command for method in METHODS.values() for command in method.commands]
    assert all(f"atlas {command}" in caplog.text for command in commands)
    assert [unmarked(tiny_copy, method) for method in marking] == [0, 0, 0]
    assert counted(tiny_copy, read_only=False) == expected
    kept = tiny_copy.with_name(f"{tiny_copy.stem}.v{VERSION}.duckdb")
    assert f"{tiny_copy} as it was: {kept}" in caplog.text
    with duckdb.connect(str(kept), read_only=True) as file:
        assert {name: file.execute(f"SELECT COUNT(*) FROM {name}").fetchone() for name in before} == {
            name: (count,) for name, count in before.items()
        }
    caplog.clear()
    assert counted(tiny_copy) == expected
    assert [unmarked(tiny_copy, method) for method in marking] == [0, 0, 0]
    assert not caplog.text
    with open_atlas(tiny_copy, read_only=True) as atlas:
        assert outdated_methods(atlas) == []
        assert [finding.invariant for finding in verify(atlas) if finding.violations] == []


def test_what_is_current_is_left_alone(tiny_copy: Path) -> None:
    before = counted(tiny_copy)
    assert before["steering"]
    assert counted(tiny_copy, read_only=False) == before
    assert not list(tiny_copy.parent.glob("*.v*.duckdb"))
    for name in ("contrast", "association", "labels"):
        assert unmarked(tiny_copy, METHODS[name])


def test_a_revision_that_is_raised_takes_out_what_was_stored_before(
    tiny_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised = replace(METHODS["patching"], revision=METHODS["patching"].revision + 1)
    monkeypatch.setitem(METHODS, "patching", raised)
    assert counted(tiny_copy)["patch_pair"] == 0
    with open_atlas(tiny_copy) as atlas:
        held = dict(atlas.rows("SELECT method, revision FROM method_revision"))
    assert held == {name: method.revision for name, method in METHODS.items()}


@pytest.mark.parametrize("read_only", [True, False])
def test_rows_of_a_later_revision_are_left_alone_and_the_program_is_to_be_upgraded(
    tiny_copy: Path, read_only: bool
) -> None:
    before = counted(tiny_copy)
    with open_atlas(tiny_copy) as atlas:
        atlas.rows("UPDATE method_revision SET revision = revision + 1 WHERE method = 'graph'")
    with pytest.raises(AtlasVersionError, match=r"later method than this program's \(graph\): upgrade feature-atlas"):
        open_atlas(tiny_copy, read_only=read_only)
    with duckdb.connect(str(tiny_copy), read_only=True) as file:
        assert file.execute("SELECT COUNT(*) FROM graph_node").fetchone() == (before["graph_node"],)


def test_nothing_is_taken_out_of_a_file_that_cannot_be_copied_before(tiny_copy: Path) -> None:
    before = counted(tiny_copy)
    older(tiny_copy, "steering")
    (tiny_copy.parent / f".{tiny_copy.stem}.v{VERSION}.duckdb.unfinished").write_text("in the way")
    with pytest.raises(AtlasFileError, match=r"what an older method computed, which is to be taken out: .* make room"):
        open_atlas(tiny_copy)
    with duckdb.connect(str(tiny_copy), read_only=True) as file:
        assert file.execute("SELECT COUNT(*) FROM steering").fetchone() == (before["steering"],)


def test_old_rows_are_not_published_nor_exported(tiny_copy: Path, tmp_path: Path) -> None:
    from atlas.exchange import Wanted, export

    older(tiny_copy, "steering", "contrast")
    outcome = publish(tiny_copy, tmp_path / "site")
    folder = snapshot_folder(tmp_path / "site", outcome.publication)
    for table, rows in (("steering", 0), ("steering_effect", 0), ("ablation", 1)):
        assert published(folder, f"SELECT MIN(1, COUNT(*)) FROM {table}") == [(rows,)]
    assert published(folder, "SELECT DISTINCT documents_hash FROM sae_contrast") == [("",)]
    export(tiny_copy, "parquet", tmp_path / "folder", Wanted())
    with read_atlas_or_parquet_folder(tmp_path / "folder") as atlas:
        assert atlas.rows("SELECT COUNT(*) FROM steering") == [(0,)]


def test_a_folder_that_was_exported_by_another_revision_is_read_without_its_old_rows(
    tiny_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from atlas.exchange import Wanted, export

    export(tiny_copy, "parquet", tmp_path / "folder", Wanted())
    monkeypatch.setitem(METHODS, "graph", replace(METHODS["graph"], revision=99))
    with read_atlas_or_parquet_folder(tmp_path / "folder") as atlas:
        assert atlas.rows("SELECT COUNT(*) FROM graph_node") == [(0,)]
        assert atlas.rows("SELECT COUNT(*) > 0 FROM steering") == [(True,)]
