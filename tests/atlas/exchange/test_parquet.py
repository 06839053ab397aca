"""An atlas as a folder of Parquet files: read back by DuckDB, Polars and pyarrow, and queried like the file."""

import json
import shutil
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from atlas.cli.main import cli
from atlas.exchange import Wanted, export
from queries import run_query, saved_queries
from schema import AtlasDamagedError, AtlasError, AtlasFileError, AtlasMissingError, AtlasVersionError, open_atlas
from schema.parquet_folder import read_atlas_or_parquet_folder
from schema.tables import metadata
from tests.made.required import REQUIRED

ACTIVATION = "SELECT sae, feature, context, position, activation FROM activation ORDER BY ALL"
PER_FILE = 5


@pytest.fixture(scope="module")
def folder(tiny: Path) -> Path:
    """The tiny atlas in files of five features each, in a folder whose name means something to SQL and to patterns."""
    place = tiny.with_name("o'brien [a*]?")
    export(tiny, "parquet", place, Wanted(features_per_file=PER_FILE))
    return place


def rows(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with read_atlas_or_parquet_folder(path) as atlas:
        return atlas.rows(sql)


def test_every_table_is_the_same_when_it_is_read_back(tiny: Path, folder: Path) -> None:
    with open_atlas(tiny, read_only=True) as file, read_atlas_or_parquet_folder(folder) as opened:
        for table in metadata.sorted_tables:
            sql = f"SELECT * FROM {table.name} ORDER BY ALL"
            assert opened.arrow(sql).equals(file.arrow(sql)), table.name


def test_activations_are_partitioned_by_sae_and_range_and_sorted(tiny: Path, folder: Path) -> None:
    found = sorted(folder.glob("activation/*/*/*.parquet"))
    sizes = dict(rows(tiny, "SELECT sae, d_sae FROM sae"))
    assert len(found) == sum(-(-size // PER_FILE) for size in sizes.values())
    for file in found:
        first, last = map(int, file.parent.name.removeprefix("features=").split("-"))
        held = pl.read_parquet(file, glob=False)
        assert held["feature"].is_between(first, last).all()
        assert held.equals(held.sort("feature", "context", "position"))


def test_pyarrow_polars_and_duckdb_alone_read_the_same_rows(tiny: Path, folder: Path, tmp_path: Path) -> None:
    with open_atlas(tiny, read_only=True) as atlas:
        stored = pl.DataFrame(atlas.arrow(ACTIVATION))
    plain = Path(shutil.copytree(folder, tmp_path / "exported"))
    order = list(stored.columns)
    by_pyarrow = ds.dataset(plain / "activation", format="parquet", partitioning="hive").to_table(columns=order)
    by_polars = pl.scan_parquet(plain / "activation/**/*.parquet", hive_partitioning=True).select(order).collect()
    files = f"read_parquet('{plain}/activation/*/*/*.parquet', hive_partitioning = true)"
    by_duckdb = duckdb.execute(f"SELECT {', '.join(order)} FROM {files}").fetchall()
    for read in (pl.DataFrame(by_pyarrow), by_polars, pl.DataFrame(by_duckdb, schema=order, orient="row")):
        assert len(read) == len(stored) > 0
        assert read.cast(stored.schema).sort(order).equals(stored)
    for name in ("sae", "document", "feature", "ingest_run"):
        file = plain / f"{name}.parquet"
        assert pl.read_parquet(file).rows() == list(zip(*pq.read_table(file).to_pydict().values(), strict=True))
    assert json.loads(pl.read_parquet(plain / "feature.parquet")["top_logits"][0])


def test_every_saved_query_gives_the_rows_of_the_file(tiny: Path, folder: Path) -> None:
    with open_atlas(tiny, read_only=True) as file, read_atlas_or_parquet_folder(folder) as opened:
        for name, query in saved_queries().items():
            values = {each.name: REQUIRED[each.name] for each in query.parameters if each.required}
            assert run_query(opened, name, values).equals(run_query(file, name, values)), name


def test_the_command_writes_and_queries_a_folder(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "exported"
    cli.main(["export", str(tiny), "--parquet", str(place)], standalone_mode=False)
    assert capsys.readouterr().out.startswith(f"{place}: {len(metadata.tables)} tables, ")
    asked = ["densest_features", "-p", "limit=3", "--format", "csv"]
    cli.main(["query", f"{place}/", *asked], standalone_mode=False)
    from_folder = capsys.readouterr().out
    cli.main(["query", str(tiny), *asked], standalone_mode=False)
    assert from_folder == capsys.readouterr().out
    with pytest.raises(AtlasError, match="is there already"):
        export(tiny, "parquet", place, Wanted())


def test_one_sae_alone_takes_only_its_rows_along(tiny: Path, tmp_path: Path) -> None:
    ((key, label), *others) = rows(tiny, "SELECT sae, label FROM sae ORDER BY ordinal")
    assert others
    export(tiny, "parquet", tmp_path / "one", Wanted((str(label),)))
    for name in ("sae", "feature", "activation", "coverage", "feature_corpus"):
        kept = f"SELECT * FROM {name} WHERE sae = {key} ORDER BY ALL"
        assert rows(tmp_path / "one", f"SELECT * FROM {name} ORDER BY ALL") == rows(tiny, kept) != []


def test_what_is_no_exported_atlas_is_refused_in_one_line(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    cut = Path(shutil.copytree(folder, tmp_path / "cut"))
    (cut / "document.parquet").unlink()
    newer = Path(shutil.copytree(folder, tmp_path / "newer"))
    manifest = json.loads((newer / "atlas.json").read_text())
    (newer / "atlas.json").write_text(json.dumps(manifest | {"schema_version": 10_000}))
    broken = Path(shutil.copytree(folder, tmp_path / "broken"))
    (broken / "atlas.json").write_text("{}")
    for place, error, words in (
        (str(tmp_path / "empty"), AtlasMissingError, "atlas export ATLAS --parquet"),
        (str(cut), AtlasDamagedError, "document cannot be read"),
        (str(newer), AtlasVersionError, "upgrade feature-atlas"),
        (str(broken), AtlasDamagedError, "atlas.json is broken"),
        ("ftp://host/atlas", AtlasFileError, "an address of s3, "),
    ):
        with pytest.raises(error, match=words) as caught:
            read_atlas_or_parquet_folder(place)
        assert place in str(caught.value)
        assert "\n" not in str(caught.value)


def test_an_address_in_an_object_store_is_reached_or_says_what_it_needs() -> None:
    try:
        duckdb.connect().execute("LOAD httpfs")
    except duckdb.Error:
        with pytest.raises(AtlasFileError, match=r"^s3://nobody/atlas needs DuckDB's extension httpfs.*INSTALL httpfs"):
            read_atlas_or_parquet_folder("s3://nobody/atlas")
