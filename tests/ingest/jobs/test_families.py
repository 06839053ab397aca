"""Neighbours, clusters and matches of a real atlas: counts of a search, a permuted copy, reruns, growth, removal."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from atlas.cli.main import cli
from ingest.jobs.cluster import ClusterRequest, cluster_into
from ingest.jobs.contrast import ContrastRequest, contrast_into
from ingest.jobs.ingest import IngestRequest, ingest_into
from ingest.jobs.match import MatchRequest, match_into
from ingest.jobs.neighbours import NeighboursRequest, neighbours_into
from ingest.jobs.reader import Loaded, Reader
from ingest.jobs.remove import RemoveRequest, remove_into
from ingest.models.matching import load_together
from ingest.models.sae_files import load_sae
from schema import Atlas, SelectionError, open_atlas
from schema.verify import verify
from tests.made.small_saes import FEATURES, most_frequent, save_part

ORDER = np.random.default_rng(4).permutation(FEATURES)
"""Where each feature of the small SAE is in its copy."""


def holds(atlas: Atlas) -> bool:
    return not any(finding.violations for finding in verify(atlas))


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory, pocket: Loaded) -> tuple[Path, tuple[str, ...], Loaded]:
    """A part of a real SAE, a copy of it with its features permuted, and one of another layer, with their names."""
    folder = tmp_path_factory.mktemp("saes")
    first, second = pocket[1]
    names = []
    there = torch.from_numpy(np.argsort(ORDER))
    for name, sae, order in (("part", second, None), ("copy", second, there), ("other", first, None)):
        kept = most_frequent(sae)
        names.append(save_part(folder / name, sae, kept if order is None else kept[order]))
    return folder, tuple(names), load_together(names, "pocket")


@pytest.fixture
def atlas(read: Path, tmp_path: Path) -> Iterator[Atlas]:
    """A copy of the atlas that has read 30 sentences with all three."""
    with open_atlas(shutil.copy(read, tmp_path / "atlas.duckdb")) as opened:
        yield opened


@pytest.fixture(scope="module")
def read(
    empty_built: Path, three: tuple[Path, tuple[str, ...], Loaded], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """An atlas that has read 30 sentences with all three; to be copied."""
    path = Path(shutil.copy(empty_built, tmp_path_factory.mktemp("read")))
    with open_atlas(path) as opened:
        ingest_into(opened, IngestRequest(path, ("bundled:medical",), limit=30, reader=Reader(three[1])), three[2])
    return path


def test_coactivation_is_what_a_search_of_the_tokens_counts(
    atlas: Atlas, three: tuple[Path, tuple[str, ...], Loaded]
) -> None:
    found = neighbours_into(atlas, NeighboursRequest(atlas.path))
    assert [one.directions for one in found] == [False] * 3
    (tokens,) = atlas.rows("SELECT SUM(tokens) FROM context")[0]
    assert {one.tokens for one in found} == {tokens}
    assert holds(atlas)
    counted = atlas.rows(
        """
        WITH pair AS (
          SELECT one.sae, one.feature, other.feature AS other_feature, COUNT(*) AS tokens_both
          FROM activation AS one
          JOIN activation AS other USING (sae, context, position)
          WHERE one.feature <> other.feature
          GROUP BY ALL
          HAVING COUNT(*) > 1
        ), alone AS (
          SELECT sae, feature, COUNT(*) AS active
          FROM activation
          GROUP BY ALL
        )
        SELECT
          sae,
          pair.feature,
          other_feature,
          tokens_both,
          tokens_both / (one.active + other.active - tokens_both) AS jaccard,
          tokens_both * $tokens / (one.active * other.active) AS lift
        FROM pair
        JOIN alone AS one USING (sae, feature)
        JOIN alone AS other ON other.sae = pair.sae AND other.feature = other_feature
        QUALIFY ROW_NUMBER() OVER (PARTITION BY sae, pair.feature ORDER BY jaccard DESC, other_feature) <= 10
        ORDER BY sae, pair.feature, jaccard DESC, other_feature
        """,
        {"tokens": int(tokens)},
    )
    stored = atlas.rows(
        """
        SELECT sae, feature, other_feature, tokens_both, jaccard, lift
        FROM feature_coactivation
        ORDER BY sae, feature, rank
        """
    )
    assert [row[:4] for row in stored] == [row[:4] for row in counted]
    np.testing.assert_allclose([row[4:] for row in stored], [row[4:] for row in counted])
    assert len(stored) > 300


def test_counts_are_made_anew_when_other_texts_are_encoded(
    atlas: Atlas, three: tuple[Path, tuple[str, ...], Loaded]
) -> None:
    neighbours_into(atlas, NeighboursRequest(atlas.path))
    assert neighbours_into(atlas, NeighboursRequest(atlas.path)) == []
    before = atlas.rows("SELECT tokens FROM sae_coactivation WHERE sae = 0")
    request = IngestRequest(atlas.path, ("bundled:control",), limit=5, reader=Reader(three[1]))
    ingest_into(atlas, request, three[2])
    assert len(neighbours_into(atlas, NeighboursRequest(atlas.path))) == 3
    assert atlas.rows("SELECT tokens FROM sae_coactivation WHERE sae = 0") > before
    assert [row[0] for row in atlas.rows("SELECT command FROM ingest_run ORDER BY ingest_run")] == [
        "ingest",
        "neighbours",
        "ingest",
        "neighbours",
    ]


def test_a_permuted_copy_is_matched_one_to_one(atlas: Atlas, three: tuple[Path, tuple[str, ...], Loaded]) -> None:
    part, copy, _ = three[1]
    (found,) = match_into(atlas, MatchRequest(atlas.path, (part, copy)))
    assert not found.known
    assert holds(atlas)
    for measure in ("cosine", "correlation"):
        rows = atlas.rows(
            f"""
            SELECT feature, other_feature, {measure}, mutual, siblings, correlation
            FROM feature_match
            JOIN sae USING (sae)
            WHERE measure = ?
              AND rank = 1
              AND sae_id = 'part'
            ORDER BY feature
            """,
            [measure],
        )
        assert [row[1] for row in rows] == [int(ORDER[row[0]]) for row in rows]
        np.testing.assert_allclose([row[2] for row in rows], 1, atol=1e-5)
        assert all(row[3] and row[4] == 1 for row in rows)
        (fire,) = atlas.rows("SELECT COUNT(DISTINCT feature) FROM activation WHERE sae = 0")[0]
        assert len(rows) == (60 if measure == "cosine" else fire)
    (again,) = match_into(atlas, MatchRequest(atlas.path, (part, copy)))
    assert again.known
    assert again.tokens == found.tokens == atlas.rows("SELECT SUM(tokens) FROM context")[0][0]


def test_by_default_each_sae_is_compared_with_the_next_by_layer(
    empty_atlas: Path, small: Loaded, small_saes: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(small_saes[0]).parents[1])  # where their names are those of their folders
    path, names = empty_atlas, tuple(str(sae.name) for sae in small[1])
    request = IngestRequest(path, ("bundled:medical",), limit=8, reader=Reader(names, "pocket"))
    with open_atlas(path) as opened:
        ingest_into(opened, request, small)
        assert [(one.sae, one.other) for one in match_into(opened, MatchRequest(path))] == [names]
        assert holds(opened)
        chance = opened.rows("SELECT DISTINCT chance_cosine > 0, chance_correlation BETWEEN 0 AND 1 FROM sae_match")
        assert chance == [(True, True)]


def test_matches_need_two_saes_of_one_model(atlas: Atlas, three: tuple[Path, tuple[str, ...], Loaded]) -> None:
    with pytest.raises(SelectionError, match="no two SAEs of one model"):
        match_into(atlas, MatchRequest(atlas.path, three[1][:1]))


def test_clusters_are_stored_once_and_named_by_what_they_fire_on(
    atlas: Atlas, three: tuple[Path, tuple[str, ...], Loaded]
) -> None:
    request = ClusterRequest(atlas.path, three[1][:1])
    made = cluster_into(atlas, request)
    assert [one.measure for one in made] == ["decoder", "jaccard", "pmi"]
    assert holds(atlas)
    assert atlas.rows("SELECT measure, features FROM clustering WHERE measure = 'decoder'") == [("decoder", 60)]
    named = atlas.rows("SELECT COUNT(*) FROM cluster ANTI JOIN cluster_token USING (clustering, cluster)")
    clusters = atlas.rows("SELECT COUNT(*) FROM cluster")
    assert named[0][0] < clusters[0][0] / 2
    before = atlas.rows("FROM feature_cluster ORDER BY ALL")
    assert all(one.known for one in cluster_into(atlas, request))
    assert atlas.rows("SELECT COUNT(*) FROM ingest_run WHERE command = 'cluster'") == [(1,)]
    other = ClusterRequest(atlas.path, three[1][:1], ("decoder",), 7, 3)
    assert not cluster_into(atlas, other)[0].known
    assert atlas.rows("SELECT clusters, criterion, seed FROM clustering WHERE measure = 'decoder'") == [(7, "asked", 3)]
    assert holds(atlas)
    again = ClusterRequest(atlas.path, three[1][:1], ("decoder",))
    assert not cluster_into(atlas, again)[0].known
    renumbered = """
        SELECT feature, cluster, x, y
        FROM feature_cluster
        JOIN clustering USING (clustering)
        WHERE measure = 'decoder'
        ORDER BY ALL
    """
    assert atlas.rows(renumbered) == sorted((row[2], row[3], row[5], row[6]) for row in before if row[0] == 0)


@pytest.fixture
def twice(
    atlas: Atlas, three: tuple[Path, tuple[str, ...], Loaded], tmp_path: Path, pocket: Loaded
) -> tuple[Atlas, str, str]:
    """The atlas, an SAE that it has read with before and after its files were exchanged, and its older row's name."""
    folder, sae = tmp_path / "saes" / "again", pocket[1][1]
    for kept in (most_frequent(sae), most_frequent(sae).flip(0)):
        shutil.rmtree(folder, ignore_errors=True)
        name = save_part(folder, sae, kept)
        request = IngestRequest(atlas.path, ("bundled:medical",), limit=10, reader=Reader((name,)))
        ingest_into(atlas, request, (pocket[0], [load_sae(name)]))
    (older,) = atlas.rows("SELECT label FROM sae WHERE sae_id = 'again' AND label = pinned")[0]
    return atlas, name, older


def test_clusters_of_a_row_whose_weights_are_gone_are_of_what_fires_alone(
    twice: tuple[Atlas, str, str], caplog: pytest.LogCaptureFixture
) -> None:
    atlas, name, older = twice
    found = [(one.sae, one.measure) for one in cluster_into(atlas, ClusterRequest(atlas.path, (name,), clusters=4))]
    newest = older.partition("@")[0]
    measures = ("decoder", "jaccard", "pmi")
    assert found == [(older, "jaccard"), (older, "pmi"), *((newest, measure) for measure in measures)]
    (line,) = caplog.messages
    assert line.startswith(f"{older} is passed over where decoder directions are compared: {newest} has other weights")
    assert line.endswith(f"take it out: atlas remove {atlas.path} --sae {older}")
    assert holds(atlas)
    with pytest.raises(SelectionError, match=f"{older} has other weights than {newest} has now; put its old files"):
        cluster_into(atlas, ClusterRequest(atlas.path, (f"{name}@{older.rpartition('@')[2]}",), ("decoder",)))


def test_neighbours_of_a_row_whose_weights_are_gone_are_of_what_fires_alone(
    twice: tuple[Atlas, str, str], caplog: pytest.LogCaptureFixture
) -> None:
    atlas, name, older = twice
    newest = older.partition("@")[0]
    for table in ("feature_neighbour", "feature_opposite"):
        atlas.rows(f"DELETE FROM {table} WHERE sae IN (SELECT sae FROM sae WHERE sae_id = 'again')")
    found, again = (neighbours_into(atlas, NeighboursRequest(atlas.path, (name,))) for _ in range(2))
    assert [(one.sae, one.directions, one.tokens is None) for one in found] == [
        (older, None, False),
        (newest, True, False),
    ]
    assert [(one.sae, one.directions, one.tokens) for one in again] == [(older, None, None), (newest, False, None)]
    assert [line.partition(" is passed over")[0] for line in caplog.messages] == [older] * 2
    assert holds(atlas)
    with pytest.raises(SelectionError, match=f"{older} has other weights than {newest} has now"):
        neighbours_into(atlas, NeighboursRequest(atlas.path, (f"{name}@{older.rpartition('@')[2]}",)))
    path = str(atlas.path)
    atlas.close()
    told = CliRunner().invoke(cli, ["neighbours", path, "--sae", name])
    assert told.stdout == f"{path}: had already the nearest features of each feature of {newest}\n"


def test_where_no_row_has_the_weights_it_is_said(twice: tuple[Atlas, str, str], pocket: Loaded) -> None:
    atlas, name, _ = twice
    shutil.rmtree(name)
    save_part(Path(name), pocket[1][1], most_frequent(pocket[1][1]).roll(1))
    with pytest.raises(SelectionError, match="does not hold saes/again with these weights; ingest with it first"):
        cluster_into(atlas, ClusterRequest(atlas.path, (name,), ("decoder",)))


def test_an_imported_sae_is_left_out(
    atlas: Atlas, three: tuple[Path, tuple[str, ...], Loaded], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(three[0].parent)  # where their names are those of their folders
    (imported,) = atlas.rows("SELECT label FROM sae WHERE sae = 2")[0]
    atlas.rows("INSERT INTO sae_import VALUES (2, 0, 'neuronpedia', 'x', 'y', NULL, NULL, NULL, '{}')")
    assert imported not in {one.sae for one in neighbours_into(atlas, NeighboursRequest(atlas.path))}
    made = cluster_into(atlas, ClusterRequest(atlas.path, measures=("jaccard",), clusters=4))
    assert len(made) == 2
    assert imported not in {one.sae for one in made}
    (pair,) = match_into(atlas, MatchRequest(atlas.path))
    assert imported not in (pair.sae, pair.other)
    for refused in (
        lambda: neighbours_into(atlas, NeighboursRequest(atlas.path, (imported,))),
        lambda: cluster_into(atlas, ClusterRequest(atlas.path, (imported,), ("jaccard",))),
        lambda: match_into(atlas, MatchRequest(atlas.path, (imported, pair.sae))),
    ):
        with pytest.raises(SelectionError, match=f"{imported} was imported: "):
            refused()


def test_more_clusters_than_features_are_refused(atlas: Atlas, three: tuple[Path, tuple[str, ...], Loaded]) -> None:
    with pytest.raises(SelectionError, match="too few for 61 clusters"):
        cluster_into(atlas, ClusterRequest(atlas.path, three[1][:1], ("decoder",), 61))


def test_an_sae_goes_with_its_families_and_those_of_others_that_name_it(
    atlas: Atlas, three: tuple[Path, tuple[str, ...], Loaded]
) -> None:
    neighbours_into(atlas, NeighboursRequest(atlas.path))
    cluster_into(atlas, ClusterRequest(atlas.path, three[1], ("decoder",)))
    match_into(atlas, MatchRequest(atlas.path, three[1]))
    remove_into(atlas, RemoveRequest(atlas.path, sae=f"{three[0].name}/copy"))
    assert holds(atlas)
    assert atlas.rows("SELECT COUNT(*) FROM clustering") == [(2,)]
    assert atlas.rows("SELECT COUNT(*) FROM sae_match") == [(2,)]


def test_the_commands_say_what_they_found(atlas: Atlas, three: tuple[Path, tuple[str, ...], Loaded]) -> None:
    path = str(atlas.path)
    atlas.close()
    part, copy, _ = three[1]
    told = CliRunner().invoke(cli, ["cluster", path, "--sae", part, "--by", "decoder", "--clusters", "4"])
    assert told.exit_code == 0, told.output
    assert f"{three[0].name}/part by decoder: 4 clusters of 60 features, silhouette" in told.stdout
    assert "atlas neighbours" in told.stderr
    assert (
        "known before"
        in CliRunner().invoke(cli, ["cluster", path, "--sae", part, "--by", "decoder", "--clusters", "4"]).stdout
    )
    assert "fire together on" in CliRunner().invoke(cli, ["neighbours", path]).stdout
    matched = CliRunner().invoke(cli, ["match", path, "--sae", part, "--sae", copy]).stdout
    assert "compared the features of" in matched
    assert "shared tokens" in matched


def test_a_contrast_says_of_clusters_how_many_features_it_calls(
    empty_atlas: Path, tmp_path: Path, pocket: Loaded
) -> None:
    """On the bundled corpora, of every eighth feature: the counts of a search, and a cluster that fires on medicine."""
    sae = pocket[1][1]
    name = save_part(tmp_path / "eighth", sae, torch.arange(0, len(sae.W_dec), 8))
    request = IngestRequest(empty_atlas, ("bundled:medical", "bundled:control"), reader=Reader((name,)))
    with open_atlas(empty_atlas) as atlas:
        ingest_into(atlas, request, (pocket[0], [load_sae(name)]))
        contrast_into(atlas, ContrastRequest(empty_atlas, "medical", ("medical",), ("control",), shuffles=0))
        cluster_into(atlas, ClusterRequest(empty_atlas, (), ("jaccard",)))
        assert holds(atlas)
        said = atlas.rows("SELECT cluster, tested, called FROM cluster_contrast ORDER BY cluster")
        counted = atlas.rows(
            """
            SELECT cluster, COUNT(q), COUNT(*) FILTER (q <= 0.05 AND auroc > 0.5)
            FROM feature_cluster
            LEFT JOIN feature_contrast USING (sae, feature)
            GROUP BY cluster
            ORDER BY cluster
            """
        )
        assert said == counted
        medical = "SELECT auroc, q FROM cluster_contrast WHERE auroc > 0.5 ORDER BY q, auroc DESC LIMIT 1"
        auroc, q = atlas.rows(medical)[0]
        assert auroc > 0.6
        assert q < 0.05
