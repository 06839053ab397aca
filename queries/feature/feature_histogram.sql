-- title: Histogram of a feature's activations
-- description: How many tokens a feature fires on at each strength, eight bins to the octave (a doubling of the activation). Silent tokens are not counted.
-- database: activations
-- param feature: INTEGER  -- zero-based index of the feature
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: the one that has read most documents
-- param corpus: VARCHAR = ''  -- corpus; empty: all of them
WITH chosen AS (
    -- part: first_sae_asked
),
binned AS (
    SELECT
        h.bin,
        CAST(SUM(h.tokens) AS BIGINT) AS tokens
    FROM feature_histogram AS h
    JOIN chosen ON chosen.sae = h.sae
    JOIN corpus AS k ON k.corpus = h.corpus
    WHERE h.feature = :feature
        AND (:corpus = '' OR k.name = :corpus)
    GROUP BY h.bin
)
SELECT
    chosen.name AS sae,
    CAST(:feature AS INTEGER) AS feature,
    b.bin,
    POWER(2.0, b.bin / 8.0) AS activation_from,
    POWER(2.0, (b.bin + 1) / 8.0) AS activation_to,
    b.tokens,
    1.0 * b.tokens / SUM(b.tokens) OVER () AS share
FROM binned AS b
CROSS JOIN chosen
ORDER BY b.bin
