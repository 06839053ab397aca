"""Nearest features: what scikit-learn finds, equal ones by index, with the SAE or on demand."""

from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from sklearn.neighbors import NearestNeighbors

from atlas.cli.main import cli
from ingest.encode.batch import BatchEncoder
from ingest.families.neighbours import nearest_rows, opposite_rows
from ingest.jobs.neighbours import NeighboursRequest, neighbours_into
from ingest.models.language_model import LanguageModel
from ingest.models.sae import SAE
from ingest.rows.registration import register_saes
from schema import AtlasError, SelectionError, open_atlas
from schema.verify import verify
from tests.made.empty_atlas import write_empty_atlas
from tests.made.tiny_models import loaded, tiny_sae

W_DEC = torch.randn(300, 24, generator=torch.Generator().manual_seed(3)) * torch.linspace(0.1, 9, 300)[:, None]
Pocket = tuple[LanguageModel, list[SAE]]


def test_neighbours_are_those_of_scikit_learn() -> None:
    rows = W_DEC.double().numpy()
    distance, index = NearestNeighbors(n_neighbors=11, metric="cosine").fit(rows).kneighbors(rows)
    found = nearest_rows(W_DEC)
    np.testing.assert_array_equal(found.other, index[:, 1:])
    np.testing.assert_allclose(found.cosine, 1 - distance[:, 1:], atol=1e-6)


def test_opposites_are_those_whose_turned_rows_scikit_learn_finds() -> None:
    rows = W_DEC.double().numpy()
    distance, index = NearestNeighbors(n_neighbors=3, metric="cosine").fit(-rows).kneighbors(rows)
    found = opposite_rows(W_DEC)
    np.testing.assert_array_equal(found.other, index)
    np.testing.assert_allclose(found.cosine, distance - 1, atol=1e-6)
    gone = opposite_rows(torch.cat([W_DEC[:2], torch.zeros(1, 24)]))
    assert gone.other.tolist() == [[1, -1, -1], [0, -1, -1], [-1, -1, -1]]


@pytest.mark.parametrize("rows", [1, 7, 299, 1000])
def test_chunks_do_not_matter(rows: int) -> None:
    whole, told = nearest_rows(W_DEC), []
    chunk_bytes = rows * 4 * len(W_DEC)
    parts = nearest_rows(W_DEC, report=lambda done, total: told.append((done, total)), chunk_bytes=chunk_bytes)
    np.testing.assert_array_equal(parts.other, whole.other)
    np.testing.assert_allclose(parts.cosine, whole.cosine, atol=1e-6)
    assert told[-1] == (300, 300)
    assert len(told) == -(-300 // rows)


def test_of_equal_cosines_the_lower_index_comes_first() -> None:
    """Rows along two axes, whatever their length: every cosine is exactly 1 or 0."""
    axis = torch.tensor([0, 1, 1, 0, 1, 0, 1, 1, 0])
    found = nearest_rows(torch.eye(2)[axis] * 2.0 ** torch.arange(9)[:, None], 5)
    for row in range(9):
        alike = [other for other in range(9) if other != row and axis[other] == axis[row]]
        others = [other for other in range(9) if axis[other] != axis[row]]
        assert found.other[row].tolist() == (alike + others)[:5]
        assert found.cosine[row].tolist() == ([1.0] * len(alike) + [0.0] * 5)[:5]


def test_what_has_no_direction_has_no_neighbours_and_is_none() -> None:
    rows = W_DEC[:6].clone()
    rows[2] = 0
    found = nearest_rows(rows)
    assert (found.other[2] == -1).all()
    assert np.isnan(found.cosine[2]).all()
    for row in (0, 1, 3, 4, 5):
        assert sorted(found.other[row, :4].tolist()) == [other for other in (0, 1, 3, 4, 5) if other != row]
        assert (found.other[row, 4:] == -1).all()
    assert (nearest_rows(rows[:1]).other == -1).all()


def atlas_of(path: Path, model: LanguageModel, sae: SAE, **options: int) -> Path:
    """An atlas that knows an SAE, and nothing else."""
    with open_atlas(write_empty_atlas(path)) as atlas:
        register_saes(atlas, model, [sae], BatchEncoder.of(model, [sae]).bos_activations(), **options)
    return path


def stored(path: Path) -> list[tuple[object, ...]]:
    with open_atlas(path, read_only=True) as atlas:
        assert not any(finding.violations for finding in verify(atlas))
        return atlas.rows("FROM feature_neighbour ORDER BY ALL") + atlas.rows("FROM feature_opposite ORDER BY ALL")


def test_an_sae_is_registered_with_the_neighbours_of_its_features(tmp_path: Path, pocket: Pocket) -> None:
    sae = loaded(tiny_sae("standard", 256, 48))
    sae.module.W_dec.data[5] = 0
    rows = stored(atlas_of(tmp_path / "a.duckdb", pocket[0], sae))
    found = nearest_rows(sae.W_dec)
    assert len(rows) == 47 * (10 + 3)
    assert [row[3] for row in rows if row[1] == 7] == [*found.other[7], *opposite_rows(sae.W_dec).other[7]]
    assert not {5} & {row[1] for row in rows} | {5} & {row[3] for row in rows}


def test_a_large_sae_gets_them_on_demand_and_once(tmp_path: Path, pocket: Pocket) -> None:
    at_once = stored(atlas_of(tmp_path / "small.duckdb", pocket[0], pocket[1][1]))
    path = atlas_of(tmp_path / "large.duckdb", pocket[0], pocket[1][1], most_at_once=100)
    assert stored(path) == []
    name = str(pocket[1][1].name)
    done = CliRunner().invoke(cli, ["neighbours", str(path)])
    assert done.exit_code == 0, done.output
    assert done.stdout == f"{path}: found the nearest features of each feature of {name}\n"
    assert stored(path) == at_once
    assert "every SAE that a model has run here has" in CliRunner().invoke(cli, ["neighbours", str(path)]).stdout
    assert "had already" in CliRunner().invoke(cli, ["neighbours", str(path), "--sae", name]).stdout
    with open_atlas(path, read_only=True) as atlas:
        assert atlas.rows("SELECT command, status FROM ingest_run") == [("neighbours", "done")]


def test_an_sae_that_the_atlas_does_not_hold_is_named(tmp_path: Path, pocket: Pocket) -> None:
    path = atlas_of(tmp_path / "a.duckdb", pocket[0], loaded(tiny_sae("standard", 256, 48)))
    with open_atlas(path) as atlas, pytest.raises(SelectionError, match="does not hold pocket/"):
        neighbours_into(atlas, NeighboursRequest(atlas.path, (str(pocket[1][0].name),)))
    result = CliRunner().invoke(cli, ["neighbours", str(path), "--sae", "pocket/nonsense"])
    assert isinstance(result.exception, AtlasError)
