"""What has been computed again, or otherwise, of the same prompts counts once in every query."""

from pathlib import Path
from typing import Any

import pytest

from queries.runner import run_query
from schema import Atlas, open_atlas

Rows = list[dict[str, Any]]


def answer(atlas: Atlas, query: str, **values: Any) -> Rows:
    return run_query(atlas, query, values).to_pylist()


def copy(atlas: Atlas, table: str, changes: str, belonging: dict[str, str]) -> None:
    """Every row of a table once more under a key of its own, changed, with the rows that belong to it."""
    shift = f"CAST({table} + 1000 AS INTEGER) AS {table}"
    with atlas.transaction():
        atlas.rows(f"INSERT INTO {table} SELECT * REPLACE ({shift}, {changes}) FROM {table}")
        for other, changed in belonging.items():
            also = f", {changed}" if changed else ""
            atlas.rows(f"INSERT INTO {other} SELECT * REPLACE ({shift}{also}) FROM {other}")


@pytest.fixture
def atlas(tiny_copy: Path) -> Any:
    with open_atlas(tiny_copy) as opened:
        yield opened


def test_a_prompt_steered_again_with_other_words_counts_once(atlas: Atlas) -> None:
    before = answer(atlas, "steered_words", feature=1)
    copy(atlas, "steering", "'[7]' AS words, identity || 'x' AS identity", {"steering_effect": ""})
    assert before
    assert answer(atlas, "steered_words", feature=1) == before


def test_a_prompt_explained_again_by_another_estimator_counts_once(atlas: Atlas) -> None:
    before = answer(atlas, "words_for_feature", feature=1)
    changes = "'partition' AS estimator, identity || 'x' AS identity"
    copy(atlas, "explanation", changes, {"token_attribution": "value * 3 AS value", "feature_attribution": ""})
    assert before
    assert answer(atlas, "words_for_feature", feature=1) == before
    assert all(0 <= row["first_share"] <= 1 for row in before)


def test_logits_and_log_probabilities_are_not_added_up(atlas: Atlas) -> None:
    before = answer(atlas, "features_that_move")
    changes = "'log_probability' AS output, identity || 'x' AS identity"
    copy(atlas, "explanation", changes, {"token_attribution": "", "feature_attribution": "value / 100 AS value"})
    assert before
    assert answer(atlas, "features_that_move") == before
    rounded = answer(atlas, "features_that_move", output="log_probability")
    assert [row["mean_value"] for row in rounded] == pytest.approx([row["mean_value"] / 100 for row in before])


def test_a_prompt_traced_again_is_as_it_was_traced_last(atlas: Atlas) -> None:
    ((feature, sae),) = atlas.rows(
        "SELECT g.feature, s.label FROM graph AS g JOIN sae AS s ON s.sae = g.sae ORDER BY g.graph LIMIT 1"
    )
    values = {"feature": feature, "sae": sae, "min_share": 0.0}
    with atlas.transaction():  # the tiny graphs are of features of the first SAE, which none drives
        atlas.rows("UPDATE graph_node SET sae = 1, feature = 3 WHERE kind = 'feature' AND effect IS NOT NULL")
    before = answer(atlas, "driving_features", **values)
    run = "(SELECT MAX(ingest_run) FROM ingest_run)"
    copy(atlas, "graph", f"{run} AS ingest_run, identity || 'x' AS identity", {"graph_node": "effect * 2 AS effect"})
    after = answer(atlas, "driving_features", **values)
    assert before
    assert [row["all_prompts"] for row in after] == [row["all_prompts"] for row in before]
    assert [row["mean_effect"] for row in after] == pytest.approx([2 * row["mean_effect"] for row in before])


def test_what_could_not_be_tested_on_the_first_half_is_not_found_by_the_second(atlas: Atlas) -> None:
    listed = answer(atlas, "monosemantic")
    atlas.rows("UPDATE feature_confirmation SET q_discovery = NULL")
    assert listed
    assert answer(atlas, "monosemantic") == []
