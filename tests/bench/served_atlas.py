"""The generated atlas that the served pages and queries are timed on: every part of it filled, none of it true.

Activations, sums and a contrast come from the same code as an atlas of real
text; what would take a model (neighbours, Shapley values, the quality of the
SAE) or long (the null) is made up in SQL, in the numbers that an atlas of GPT-2 small has.
"""

from pathlib import Path

from schema import Atlas, open_atlas
from tests.bench.bench_contrast import TOKENS, fill
from tests.made.jobs import compute_contrast

ROWS_A_DOCUMENT = 3_050
PROMPTS = 240
EXPLAINED_FEATURES = 400
ACTIVE = 60
"""Prompts explained by tokens and by features, activations explained, and features active on a prompt."""

EXPLANATIONS = f"""
    INSERT INTO explanation BY NAME
    SELECT
        n AS explanation,
        0 AS ingest_run,
        CASE WHEN n < {PROMPTS} THEN 'token' WHEN n < 2 * {PROMPTS} THEN 'logit' ELSE 'feature' END AS question,
        0 AS model,
        CASE WHEN n >= {PROMPTS} THEN 0 END AS sae,
        CASE WHEN n >= 2 * {PROMPTS} THEN n % 40 + 1 END AS feature,
        document,
        0 AS ordinal,
        text,
        {TOKENS} AS tokens,
        CASE WHEN n < 2 * {PROMPTS} THEN 'logit' ELSE 'activation' END AS output,
        CASE WHEN n < 2 * {PROMPTS} THEN n % 50 END AS target_id,
        CASE WHEN n < 2 * {PROMPTS} THEN 'w' || n % 50 END AS target,
        CASE WHEN n < 2 * {PROMPTS} THEN {TOKENS} END AS position,
        FALSE AS every_position,
        CASE WHEN n BETWEEN {PROMPTS} AND 2 * {PROMPTS} - 1 THEN 'zero' ELSE 'end_of_text' END AS baseline,
        'permutation' AS estimator,
        CASE WHEN n BETWEEN {PROMPTS} AND 2 * {PROMPTS} - 1 THEN {ACTIVE} ELSE {TOKENS} END AS players,
        1024 AS evaluations,
        0.5 AS base_value,
        2.5 AS full_value,
        0.0 AS residual,
        'made up ' || n AS identity
    FROM range(2 * {PROMPTS} + {EXPLAINED_FEATURES}) AS made (n)
    JOIN document ON document.document = n % {PROMPTS}
"""
TOKEN_VALUES = """
    INSERT INTO token_attribution BY NAME
    SELECT
        explanation,
        t.position,
        token_id,
        t.text,
        char_start,
        char_end,
        sin(explanation + t.position) AS value,
        0.01 AS standard_error,
        row_number() OVER (PARTITION BY explanation ORDER BY abs(value) DESC, t.position) AS rank
    FROM explanation
    JOIN token AS t ON t.context = explanation.document
    WHERE question <> 'logit'
"""
FEATURE_VALUES = f"""
    INSERT INTO feature_attribution BY NAME
    SELECT
        explanation,
        player,
        0 AS sae,
        CASE WHEN player < {ACTIVE - 1} THEN 7 * player + explanation % 7 END AS feature,
        CASE WHEN player < {ACTIVE - 1} THEN 1.5 END AS activation,
        sin(explanation + player) AS value,
        0.01 AS standard_error,
        row_number() OVER (PARTITION BY explanation ORDER BY abs(value) DESC, player) AS rank,
        value AS activation_gradient,
        value AS integrated_gradients
    FROM explanation
    CROSS JOIN range({ACTIVE}) AS playing (player)
    WHERE question = 'logit'
"""
FILTERED = f"""
    INSERT INTO prompt_filter BY NAME
    SELECT
        explanation,
        'w1' AS term,
        explanation % 9 + 1 AS rank,
        '[" a"]' AS study_tokens,
        explanation % 2 = 0 AS study_kept
    FROM explanation
    WHERE explanation < {PROMPTS}
"""
NEIGHBOURS = """
    INSERT INTO feature_neighbour BY NAME
    SELECT sae, feature, rank, (feature + rank) % (SELECT count(*) FROM feature) AS other_feature, 1.0 / rank AS cosine
    FROM feature
    CROSS JOIN range(1, 11) AS near (rank)
"""
QUALITY = """
    INSERT INTO sae_quality BY NAME
    SELECT
        sae,
        corpus,
        0 AS ingest_run,
        documents,
        tokens,
        0.8 AS explained_variance,
        60 AS l0,
        0.1 AS dead_share,
        tokens AS predicted_tokens,
        3.0 AS ce_clean,
        3.1 AS ce_sae,
        9.0 AS ce_zero,
        0.98 AS ce_recovered,
        0.1 AS ce_rise
    FROM sae_corpus
"""
NULL = """
    INSERT OR REPLACE INTO contrast_null BY NAME
    SELECT contrast, sae, shuffle, 0 AS seed, 0.001 / shuffle AS min_p, 0.6 AS max_auroc, 0 AS discoveries
    FROM sae_contrast
    CROSS JOIN range(1, 201) AS shuffled (shuffle)
"""


def build(path: Path, rows: int, d_sae: int) -> None:
    """Write an atlas of about so many rows of activations."""
    fill(path, -(-rows // ROWS_A_DOCUMENT), d_sae)
    with open_atlas(path) as atlas:
        controls = [row[0] for row in atlas.rows("SELECT name FROM corpus WHERE domain <> 'topic'")]
        compute_contrast(atlas, "speed", ["domain=topic"], controls)
        make_up(atlas)


def make_up(atlas: Atlas) -> None:
    """Fill what only a model could tell."""
    with atlas.transaction():
        for statement in (EXPLANATIONS, TOKEN_VALUES, FEATURE_VALUES, FILTERED, NEIGHBOURS, QUALITY, NULL):
            atlas.duckdb.execute(statement)
