"""Groups of documents: which documents are one unit, and how groups fall into halves."""

import json
from importlib.resources import files
from pathlib import Path

import duckdb
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.sources import Document, read_documents
from ingest.statistics.groups import BOTH, CONTROL, POSITIVE, groups_of, later_half_of_groups
from schema import open_atlas
from schema.verify import verify


@pytest.mark.parametrize(
    ("fields", "group"),
    [
        ({"group": "a book", "template": "t", "id": "law#2"}, "a book"),
        ({"group": 12, "id": "law#2"}, "12"),
        ({"group": "", "template": "t", "id": "law#2"}, "t"),
        ({"id": "law#2"}, "law"),
        ({"id": "law#2#3"}, "law"),
        ({"id": "law"}, None),
        ({"id": "#2"}, None),
        ({}, None),
    ],
)
def test_a_group_is_named_or_follows_from_template_or_id(
    fields: dict[str, object], group: str | None, tmp_path: Path
) -> None:
    (tmp_path / "a#b.jsonl").write_text(json.dumps({"text": "A text.", **fields}))
    (document,) = read_documents(str(tmp_path / "a#b.jsonl"))
    assert isinstance(document, Document)
    assert document.group_name == group


@given(st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=60), st.integers(0, 99))
def test_whole_groups_fall_into_even_halves(drawn: list[tuple[int, bool]], seed: int) -> None:
    group, positive = (np.array(column) for column in zip(*drawn, strict=True))
    draw = np.random.default_rng(seed).permutation(13)[group]
    later = later_half_of_groups(groups_of(group, positive), draw)
    sides = {number: set(positive[group == number]) for number in set(group)}
    for number in sides:
        assert len(set(later[group == number])) == 1
    for side in ({True}, {False}, {True, False}):
        mine = [bool(later[group == number][0]) for number in sides if sides[number] == side]
        assert 0 <= len(mine) - 2 * sum(mine) <= 1
    order = np.random.default_rng(seed).permutation(len(group))
    assert (later_half_of_groups(groups_of(group[order], positive[order]), draw[order]) == later[order]).all()


def test_groups_know_their_side() -> None:
    found = groups_of(np.array([7, 3, 7, 5]), np.array([True, True, False, False]))
    assert found.side.tolist() == [POSITIVE, CONTROL, BOTH]
    assert found.size.tolist() == [1, 1, 2]
    assert found.member.tolist() == [2, 0, 2, 1]


def version_2(path: Path) -> None:
    """An atlas file as version 2 left it, with three documents and a contrast."""
    with duckdb.connect(str(path)) as file:
        for number, name in enumerate(("m001_create_tables", "m002_quality_schedule"), start=1):
            file.execute(files("schema.migrations").joinpath(f"{name}.sql").read_text(encoding="utf-8"))
            file.execute("INSERT INTO migration VALUES (?, ?, now())", [number, name])
        file.execute("INSERT INTO corpus VALUES (0, 'laws', 'law')")
        rows = [(0, "law#1", "s", None), (1, "law#2", "s", "t"), (2, "a#b.txt:3", "a#b.txt", None)]
        file.executemany(
            "INSERT INTO document SELECT $1, 0, $2, 'x' || $1, $3, NULL, NULL, NULL, NULL, NULL, $4, 'discovery', $1",
            rows,
        )


def test_windows_of_an_older_atlas_are_drawn_anew(tmp_path: Path) -> None:
    """A window of 20 tokens with a hash that lost against one of 2 now wins, in proportion."""
    version_2(tmp_path / "old.duckdb")
    with duckdb.connect(str(tmp_path / "old.duckdb")) as file:
        file.execute("INSERT INTO model SELECT 0, 'm', 'a', 1, 8, 1, 32, 9, false, false, false, repeat('a', 64)")
        file.execute("INSERT INTO tokenization VALUES (0, 't', repeat('b', 64), 32, true)")
        names = "sae, release, sae_id, model, tokenization, hook_name, hook_layer, architecture, d_in, d_sae, "
        values = "0, 'r', 'h', 0, 0, 'h', 0, 'standard', 8, 4, 'plain', repeat('c', 64)"
        file.execute(f"INSERT INTO sae ({names} logit_weights, weights_sha256) VALUES ({values})")
        file.execute(f"INSERT INTO context VALUES (0, 0, 0, 0, 20, false, {2**62}), (1, 0, 0, 1, 2, true, {2**61})")
        file.execute(f"INSERT INTO context VALUES (2, 1, 0, 0, 20, true, {2**62}), (3, 1, 0, 1, 20, false, {2**61})")
        file.execute("INSERT INTO activation VALUES (0, 3, 0, 1, 0.5), (0, 3, 0, 2, 1.5), (0, 2, 1, 1, 2.5)")
        file.execute("INSERT INTO feature_document VALUES (0, 3, 0, 1.5, 2, 2, 0), (0, 2, 0, 2.5, 2.5, 1, 2.5)")
        file.execute("INSERT INTO feature_document VALUES (0, 1, 1, 4, 4, 1, 4)")
        sides = """'["laws"]', '["laws"]'"""
        file.execute(f"INSERT INTO contrast VALUES (0, 'c', {sides}, 'window')")
        nothing = ", ".join(["NULL"] * 7)
        file.execute(f"INSERT INTO sae_contrast VALUES (0, 0, 1, 2, 1, 1, 1, 0, 0, {nothing}, 'x')")
        file.execute("INSERT INTO feature_contrast VALUES (0, 0, 3, 1, 0, 1, 0, 1, 1, 0, 1, true, 1, 0.01, 0.01, 0.1)")
    with open_atlas(tmp_path / "old.duckdb") as atlas:
        assert atlas.rows("SELECT documents_hash FROM sae_contrast") == [("",)]
        assert atlas.rows("SELECT COUNT(*) FROM feature_contrast") == [(0,)], "no old figure is read as a new one"
        broken = {finding.invariant for finding in verify(atlas) if finding.violations}
        assert not [name for name in broken if "contrast" in name]
        assert atlas.rows("SELECT context FROM context WHERE sampled ORDER BY ALL") == [(0,), (2,)]
        found = atlas.rows("SELECT feature, window_max FROM feature_document ORDER BY ALL")
    assert found == [(1, 4), (2, 0), (3, 1.5)]


def test_an_older_atlas_gets_its_groups(tmp_path: Path) -> None:
    version_2(tmp_path / "old.duckdb")
    with open_atlas(tmp_path / "old.duckdb") as atlas:
        assert atlas.rows("SELECT document, group_name FROM document ORDER BY 1") == [(0, "law"), (1, "t"), (2, None)]
        broken = {finding.invariant for finding in verify(atlas) if finding.violations}
    assert broken == {"every text has the hash it is known by"}
    assert (tmp_path / "old.v2.duckdb").exists()
