"""What the SQLite copy has of the longest tables: a bounded number of rows a feature.

An atlas of GPT-2 holds millions of examples, and the same sentence shows many features: with their text, all of them
would be most of a snapshot. The DuckDB file has every row.
"""

TOP_TOKENS = 50
"""Tokens of each feature in each corpus: more than a page shows."""

STRONGEST_EXAMPLES, OTHER_EXAMPLES, EXAMPLE_CORPORA = 10, 5, 4
"""Windows of the corpus where a feature is strongest, of each following one, and of how many corpora. Beside them one
of each octave: some 35 of a feature, however many corpora there are."""

SUBSETS = {
    "feature_token": f"""
        SELECT *
        FROM feature_token
        QUALIFY row_number() OVER (
            PARTITION BY sae, corpus, feature ORDER BY active_tokens DESC, sum_activation DESC, token_id
        ) <= {TOP_TOKENS}
    """,
    "feature_example": f"""
        SELECT e.*
        FROM feature_example AS e
        JOIN (
            SELECT
                sae,
                feature,
                corpus,
                row_number() OVER (PARTITION BY sae, feature ORDER BY activation DESC, corpus) AS place
            FROM feature_example
            WHERE sampling = 'top' AND rank = 1
        ) AS strongest USING (sae, feature, corpus)
        WHERE sampling = 'top'
            AND place <= {EXAMPLE_CORPORA}
            AND rank <= CASE place WHEN 1 THEN {STRONGEST_EXAMPLES} ELSE {OTHER_EXAMPLES} END
        UNION ALL
        SELECT e.*
        FROM feature_example AS e
        JOIN context USING (context)
        WHERE sampling = 'octave' AND rank = 1
        QUALIFY row_number() OVER (PARTITION BY sae, feature, octave ORDER BY content_hash, context) = 1
    """,
}
"""SQL of the rows that are copied."""
