-- title: Two features side by side
-- description: Two features of one SAE or of two, a fact a row: their weights, the corpora, the token that each fires most on, and the contrasts.
-- database: atlas
-- param feature: INTEGER  -- zero-based index of the feature
-- param other_feature: INTEGER  -- zero-based index of the feature beside it
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: the one that has read most documents
-- param other_sae: VARCHAR = ''  -- SAE of the feature beside it; empty: the same
WITH chosen AS (
    -- part: first_sae_asked
),
other_chosen AS (
    SELECT
        s.sae,
        s.label AS name
    FROM sae AS s
    CROSS JOIN chosen
    WHERE (:other_sae = '' AND s.sae = chosen.sae) OR :other_sae IN (s.label, s.pinned)
    ORDER BY s.ordinal
    LIMIT 1
),
pair AS (
    SELECT
        1 AS side,
        chosen.name,
        f.*
    FROM chosen
    JOIN (
        -- part: feature_words
    ) AS f ON f.sae = chosen.sae
    WHERE f.feature = :feature
    UNION ALL
    SELECT
        2 AS side,
        other_chosen.name,
        f.*
    FROM other_chosen
    JOIN (
        -- part: feature_words
    ) AS f ON f.sae = other_chosen.sae
    WHERE f.feature = :other_feature
),
top_token AS (
    SELECT
        f.side,
        t.text,
        t.active_tokens
    FROM pair AS f
    CROSS JOIN (
        -- part: top_tokens
    ) AS t
    WHERE t.sae = f.sae
        AND t.feature = f.feature
        AND t.rank = 1
),
by_corpus AS (
    SELECT
        f.side,
        k.corpus,
        k.name,
        sc.tokens,
        COALESCE(c.active_tokens, 0) AS active_tokens,
        COALESCE(c.density, 0.0) AS density,
        c.mean_active,
        c.max_activation
    FROM pair AS f
    JOIN sae_corpus AS sc ON sc.sae = f.sae
    JOIN corpus AS k ON k.corpus = sc.corpus
    LEFT JOIN feature_corpus AS c ON c.sae = f.sae AND c.feature = f.feature AND c.corpus = sc.corpus
),
by_contrast AS (
    SELECT
        f.side,
        fc.*,
        k.name,
        CASE WHEN k.unit = 'window' THEN ', in one window of each' ELSE '' END AS compared,
        sc.documents_positive,
        sc.documents_control
    FROM pair AS f
    JOIN feature_contrast AS fc ON fc.sae = f.sae AND fc.feature = f.feature
    JOIN sae_contrast AS sc ON sc.sae = fc.sae AND sc.contrast = fc.contrast
    JOIN contrast AS k ON k.contrast = fc.contrast
),
fact(side, place, part, number, section, fact, value, text) AS (
    SELECT f.side, 1, 0, 1, 'identity', 'feature', CAST(f.feature AS DOUBLE), f.name || '#' || f.feature
    FROM pair AS f
    UNION ALL
    SELECT f.side, 2, 0, 1, 'weights', 'log_sparsity', f.log_sparsity, NULL
    FROM pair AS f
    UNION ALL
    SELECT f.side, 2, 0, 2, 'weights', 'decoder_norm', f.decoder_norm, NULL
    FROM pair AS f
    UNION ALL
    SELECT f.side, 2, 0, 3, 'weights', 'logit_std', f.logit_std, NULL
    FROM pair AS f
    UNION ALL
    SELECT f.side, 2, 0, 4, 'weights', 'logit_skewness', f.logit_skewness, NULL
    FROM pair AS f
    UNION ALL
    SELECT f.side, 2, 0, 5, 'weights', 'logit_kurtosis', f.logit_kurtosis, NULL
    FROM pair AS f
    UNION ALL
    SELECT f.side, 2, 0, 6, 'weights', 'raises', NULL, f.raises
    FROM pair AS f
    UNION ALL
    SELECT f.side, 2, 0, 7, 'weights', 'lowers', NULL, f.lowers
    FROM pair AS f
    UNION ALL
    SELECT c.side, 3, c.corpus, 1, 'corpus ' || c.name, 'density', c.density,
        c.active_tokens || ' of ' || c.tokens || ' tokens'
    FROM by_corpus AS c
    UNION ALL
    SELECT c.side, 3, c.corpus, 2, 'corpus ' || c.name, 'mean_active', c.mean_active, NULL
    FROM by_corpus AS c
    UNION ALL
    SELECT c.side, 3, c.corpus, 3, 'corpus ' || c.name, 'max_activation', c.max_activation, NULL
    FROM by_corpus AS c
    UNION ALL
    SELECT t.side, 4, 0, 1, 'fires most on', 'active_tokens', t.active_tokens, t.text
    FROM top_token AS t
    UNION ALL
    SELECT c.side, 5, c.contrast, 1, 'contrast ' || c.name, 'auroc', c.auroc, NULL
    FROM by_contrast AS c
    UNION ALL
    SELECT c.side, 5, c.contrast, 2, 'contrast ' || c.name, 'q', c.q, NULL
    FROM by_contrast AS c
    UNION ALL
    SELECT c.side, 5, c.contrast, 3, 'contrast ' || c.name, 'fires_positive', c.fires_positive,
        'of ' || c.documents_positive || c.compared
    FROM by_contrast AS c
    UNION ALL
    SELECT c.side, 5, c.contrast, 4, 'contrast ' || c.name, 'fires_control', c.fires_control,
        'of ' || c.documents_control || c.compared
    FROM by_contrast AS c
    UNION ALL
    SELECT c.side, 5, c.contrast, 5, 'contrast ' || c.name, 'mean_difference', c.mean_difference, NULL
    FROM by_contrast AS c
)
SELECT
    section,
    fact,
    MAX(CASE WHEN side = 1 THEN value END) AS value,
    MAX(CASE WHEN side = 2 THEN value END) AS other_value,
    MAX(CASE WHEN side = 1 THEN text END) AS text,
    MAX(CASE WHEN side = 2 THEN text END) AS other_text
FROM fact
GROUP BY place, part, number, section, fact
ORDER BY place, part, number
