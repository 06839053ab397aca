"""Every invariant of an atlas file is seen to be broken when it is."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from atlas.cli.main import cli
from schema import AtlasDamagedError, open_atlas
from schema.verify import verify

ONE_ACTIVATION = "(SELECT * FROM activation ORDER BY ALL LIMIT 1)"

DAMAGES = [
    ("every migration is applied once, in order", "UPDATE migration SET name = 'm001_other' WHERE migration = 1"),
    ("every row that is pointed to exists", "UPDATE document SET corpus = 77 WHERE document = 0"),
    ("every row that is pointed to exists", "DELETE FROM context WHERE context = 0"),
    ("every row that is pointed to exists", "UPDATE feature_document SET feature = 9999"),
    ("every text has the hash it is known by", "UPDATE document SET text = text || ' ' WHERE document = 0"),
    ("every number is finite", "UPDATE feature SET logit_std = 'nan' WHERE feature = 0"),
    ("every number is finite", "UPDATE feature_corpus SET kurtosis = 'inf'"),
    ("every SAE is named as the newest of its name is, or by its hash", "UPDATE sae SET label = pinned"),
    ("every SAE is named as the newest of its name is, or by its hash", "UPDATE sae SET ordinal = 7"),
    ("every SAE is named as the newest of its name is, or by its hash", "UPDATE sae SET pinned = 'x' || pinned"),
    ("no activation is stored twice", f"INSERT INTO activation FROM {ONE_ACTIVATION}"),
    (
        "no activation is stored twice",
        f"INSERT INTO activation SELECT * REPLACE (activation + 1 AS activation) FROM {ONE_ACTIVATION}",
    ),
    ("every activation is above zero, and finite", "UPDATE activation SET activation = 0 WHERE context = 0"),
    ("every activation is above zero, and finite", "UPDATE activation SET activation = 'NaN' WHERE context = 0"),
    ("every activation is above zero, and finite", "UPDATE activation SET activation = 'inf' WHERE context = 0"),
    (
        "every activation stands on a token of a document that its SAE has encoded",
        "UPDATE activation SET position = 0 WHERE context = 0",
    ),
    (
        "every activation stands on a token of a document that its SAE has encoded",
        "DELETE FROM coverage WHERE document = 0 AND sae = 0",
    ),
    (
        "every window holds the tokens it says, at positions in a row",
        "DELETE FROM token WHERE context = 0 AND position = 2",
    ),
    (
        "every window holds the tokens it says, at positions in a row",
        "UPDATE token SET position = position + 1 WHERE context = 0",
    ),
    ("every token lies inside its document", "UPDATE token SET char_end = 999 WHERE context = 0 AND position = 1"),
    ("every token lies inside its document", "UPDATE token SET char_start = -1 WHERE context = 0 AND position = 1"),
    (
        "every term stands where its span says",
        "UPDATE document SET term_start = term_start + 1, term_end = term_end + 1",
    ),
    (
        "every document has one window chosen by hash in each tokenization",
        "UPDATE context SET sampled = false WHERE context = 0",
    ),
    (
        "every coverage counts the windows and tokens of its document",
        "UPDATE coverage SET tokens = tokens + 1 WHERE document = 0",
    ),
    ("sae_corpus counts what is summed", "UPDATE sae_corpus SET documents = documents + 1"),
    ("sae_corpus counts what is summed", "DELETE FROM sae_corpus WHERE corpus = 0"),
    ("sae_corpus counts what is summed", "UPDATE coverage SET summed = false WHERE document = 0"),
    (
        "feature_document equals what the activations give",
        "UPDATE feature_document SET sum_activation = sum_activation * (1 + 1e-8)",
    ),
    ("feature_document equals what the activations give", "DELETE FROM feature_document WHERE document = 0"),
    ("feature_document equals what the activations give", "UPDATE feature_document SET window_max = window_max + 1"),
    ("feature_corpus equals what the activations give", "UPDATE feature_corpus SET m4_active = m4_active * 2"),
    ("feature_corpus equals what the activations give", "UPDATE feature_corpus SET documents = documents + 1"),
    ("feature_corpus equals what the activations give", "DELETE FROM feature_corpus WHERE corpus = 0"),
    (
        "the moments of feature_corpus follow from its sums, and can be",
        "UPDATE feature_corpus SET density = density * 2",
    ),
    ("the moments of feature_corpus follow from its sums, and can be", "UPDATE feature_corpus SET std = std + 1"),
    ("the moments of feature_corpus follow from its sums, and can be", "UPDATE feature_corpus SET std_active = NULL"),
    *(
        ("the moments of feature_corpus follow from its sums, and can be", f"UPDATE feature_corpus SET {change}")
        for change in (
            "mean = mean * 2",
            "skewness = -skewness",
            "skewness = NULL",
            "kurtosis = kurtosis + 1",
            "kurtosis = 'NaN'",
            "kurtosis = NULL",
        )
    ),
    (
        "feature_histogram and feature_token count the tokens that feature_corpus counts",
        "DELETE FROM feature_histogram WHERE corpus = 0",
    ),
    (
        "feature_histogram and feature_token count the tokens that feature_corpus counts",
        "UPDATE feature_token SET sum_activation = sum_activation + 1",
    ),
    *(
        ("feature_top_token ranks the ten tokens that feature_token has most of, over all corpora", statement)
        for statement in (
            "UPDATE feature_top_token SET active_tokens = active_tokens + 1 WHERE rank = 1",
            "UPDATE feature_top_token SET sum_activation = sum_activation + 1",
            "UPDATE feature_top_token SET rank = 3 - rank WHERE rank < 3",
            "UPDATE feature_top_token SET rank = rank + 1",
            "UPDATE feature_top_token SET token_id = 999 WHERE rank = 1",
            "DELETE FROM feature_top_token WHERE feature = 0",
            "DELETE FROM feature_top_token WHERE rank = 10",
            "INSERT INTO feature_top_token FROM feature_top_token",
        )
    ),
    (
        "no bin and no token of a feature is stored twice",
        "INSERT INTO feature_histogram SELECT * REPLACE (0 AS tokens) FROM feature_histogram",
    ),
    (
        "every example shows the activation it says, and the first of them the maximum",
        "UPDATE feature_example SET activation = activation + 1",
    ),
    (
        "every example shows the activation it says, and the first of them the maximum",
        "UPDATE feature_example SET rank = rank - 1",
    ),
    (
        "every contrast has the features and documents it says, or is marked to be computed again",
        "UPDATE sae_contrast SET documents_positive = 0",
    ),
    (
        "every contrast has the features and documents it says, or is marked to be computed again",
        "UPDATE feature_contrast SET q = NULL",
    ),
    (
        "the documents of a contrast are as many as it says, and those of one group are in one half",
        "DELETE FROM contrast_document WHERE positive AND document = 0",
    ),
    (
        "the documents of a contrast are as many as it says, and those of one group are in one half",
        "UPDATE document SET group_name = 'one book'",
    ),
    (
        "every figure of a contrast belongs to a feature of the contrast",
        "UPDATE feature_pair SET feature = feature + 50",
    ),
    ("every figure of a contrast belongs to a feature of the contrast", "UPDATE feature_domain SET contrast = 5"),
    ("every figure of a contrast belongs to a feature of the contrast", "UPDATE feature_evidence SET sae = 1 - sae"),
    (
        "every feature of a contrast has a confirmation, and every contrast a row for its SAE",
        "DELETE FROM feature_confirmation WHERE feature = 1",
    ),
    (
        "every feature of a contrast has a confirmation, and every contrast a row for its SAE",
        "DELETE FROM sae_contrast WHERE sae = 1",
    ),
    ("no pair and no domain counts more than there is", "UPDATE feature_pair SET higher = higher + 4"),
    ("no pair and no domain counts more than there is", "UPDATE feature_domain SET fires = documents + 1"),
    ("no pair and no domain counts more than there is", "UPDATE feature_domain SET called = called + 4"),
    ("every shuffle of a null is there, from 1, with one seed", "DELETE FROM contrast_null WHERE shuffle = 3"),
    ("every shuffle of a null is there, from 1, with one seed", "DELETE FROM contrast_null WHERE shuffle = 1"),
    (
        "every shuffle of a null is there, from 1, with one seed",
        "UPDATE contrast_null SET seed = 21 WHERE shuffle = 24",
    ),
    (
        "every explanation has a Shapley value for each player, and they add up",
        "DELETE FROM token_attribution WHERE explanation = 0 AND position = 1",
    ),
    (
        "every explanation has a Shapley value for each player, and they add up",
        "UPDATE feature_attribution SET value = value + 1e-6 WHERE player = 0",
    ),
    (
        "every explanation has a Shapley value for each player, and they add up",
        "UPDATE token_attribution SET rank = 1 WHERE explanation = 0",
    ),
    *(
        ("every figure of an SAE on a corpus can be, and follows from the others", f"UPDATE sae_quality SET {change}")
        for change in (
            "documents = documents + 1",
            "predicted_tokens = tokens + 1",
            "explained_variance = 1.5",
            "explained_variance = 'NaN'",
            "l0 = -1",
            "l0 = 0",
            "l0 = 12",
            "dead_share = 1.25",
            "ce_clean = ce_clean + 1",
            "ce_zero = ce_zero + 1",
            "ce_sae = 'inf', ce_rise = 'inf'",
            "ce_recovered = NULL",
            "ce_rise = -ce_rise",
        )
    ),
    *(
        ("every feature has its neighbours once each, the nearest first", statement)
        for statement in (
            "UPDATE feature_neighbour SET other_feature = 99 WHERE feature = 1 AND rank = 1",
            "UPDATE feature_neighbour SET other_feature = feature WHERE feature = 1 AND rank = 1",
            "UPDATE feature_neighbour SET other_feature = 3 WHERE feature = 1",
            "UPDATE feature_neighbour SET cosine = 1.5 WHERE rank = 1",
            "UPDATE feature_neighbour SET cosine = -1 WHERE rank = 1",
            "DELETE FROM feature_neighbour WHERE rank = 2",
            "INSERT INTO feature_neighbour FROM feature_neighbour",
        )
    ),
]


@pytest.fixture
def copy(tiny: Path, tmp_path: Path) -> Path:
    path = tmp_path / "atlas.duckdb"
    path.write_bytes(tiny.read_bytes())
    return path


def broken(path: Path) -> set[str]:
    with open_atlas(path, read_only=True) as atlas:
        return {finding.invariant for finding in verify(atlas) if finding.violations}


def damage(path: Path, statement: str) -> None:
    with open_atlas(path) as atlas:
        assert atlas.rows(statement) != [(0,)]


def test_the_tiny_atlas_holds(tiny: Path) -> None:
    assert broken(tiny) == set()


@pytest.mark.parametrize(("invariant", "statement"), DAMAGES)
def test_damage_is_found(invariant: str, statement: str, copy: Path) -> None:
    damage(copy, statement)
    assert invariant in broken(copy)


def test_the_command_names_what_is_broken_and_fails(copy: Path) -> None:
    assert CliRunner().invoke(cli, ["verify", str(copy)]).output.endswith(f"{copy} holds\n")
    damage(copy, "UPDATE feature_corpus SET mean_active = mean_active * 2")
    result = CliRunner().invoke(cli, ["verify", str(copy)])
    assert "BROKEN  feature_corpus equals what the activations give (" in result.output
    assert isinstance(result.exception, AtlasDamagedError)
    assert "invariants do not hold" in str(result.exception)
