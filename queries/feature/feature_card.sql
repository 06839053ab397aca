-- title: One feature's card
-- description: Everything stored about one feature, a fact a row: what it is, its weights, the corpora it was run on, the tokens it fires most on, and the contrasts it takes part in.
-- database: atlas
-- param feature: INTEGER  -- zero-based index of the feature
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: the one that has read most documents
WITH chosen AS (
    -- part: first_sae_asked
),
card AS (
    SELECT
        f.*,
        c.name,
        m.name AS model_name,
        c.hook_name,
        c.neuronpedia_id
    FROM chosen AS c
    JOIN model AS m ON m.model = c.model
    JOIN (
        -- part: feature_words
    ) AS f ON f.sae = c.sae
    WHERE f.feature = :feature
),
by_corpus AS (
    SELECT
        k.corpus,
        k.name,
        sc.tokens,
        sc.documents AS documents_read,
        COALESCE(c.active_tokens, 0) AS active_tokens,
        COALESCE(c.density, 0.0) AS density,
        c.documents,
        c.mean_active,
        c.std_active,
        c.max_activation
    FROM card AS f
    JOIN sae_corpus AS sc ON sc.sae = f.sae
    JOIN corpus AS k ON k.corpus = sc.corpus
    LEFT JOIN feature_corpus AS c ON c.sae = f.sae AND c.feature = f.feature AND c.corpus = sc.corpus
),
top_token AS (
    SELECT
        t.text,
        t.active_tokens,
        t.rank AS place
    FROM card AS f
    CROSS JOIN (
        -- part: top_tokens
    ) AS t
    WHERE t.sae = f.sae
        AND t.feature = f.feature
        AND t.rank <= 5
),
by_contrast AS (
    SELECT
        fc.*,
        k.name,
        CASE WHEN k.unit = 'window' THEN ', in one window of each' ELSE '' END AS compared,
        sc.documents_positive,
        sc.documents_control
    FROM card AS f
    JOIN feature_contrast AS fc ON fc.sae = f.sae AND fc.feature = f.feature
    JOIN sae_contrast AS sc ON sc.sae = fc.sae AND sc.contrast = fc.contrast
    JOIN contrast AS k ON k.contrast = fc.contrast
),
fact(place, part, number, section, fact, value, text) AS (
    SELECT 1, 0, 1, 'identity', 'feature', CAST(f.feature AS DOUBLE), f.name || '#' || f.feature
    FROM card AS f
    UNION ALL
    SELECT 1, 0, 2, 'identity', 'model', NULL, f.model_name
    FROM card AS f
    UNION ALL
    SELECT 1, 0, 3, 'identity', 'hook_name', NULL, f.hook_name
    FROM card AS f
    UNION ALL
    SELECT 1, 0, 4, 'identity', 'neuronpedia', NULL,
        'https://www.neuronpedia.org/' || f.neuronpedia_id || '/' || f.feature
    FROM card AS f
    WHERE f.neuronpedia_id IS NOT NULL
    UNION ALL
    SELECT 2, 0, 1, 'weights', 'log_sparsity', f.log_sparsity, 'log10 of its density in training'
    FROM card AS f
    UNION ALL
    SELECT 2, 0, 2, 'weights', 'decoder_norm', f.decoder_norm, NULL
    FROM card AS f
    UNION ALL
    SELECT 2, 0, 3, 'weights', 'logit_std', f.logit_std, NULL
    FROM card AS f
    UNION ALL
    SELECT 2, 0, 4, 'weights', 'logit_skewness', f.logit_skewness, NULL
    FROM card AS f
    UNION ALL
    SELECT 2, 0, 5, 'weights', 'logit_kurtosis', f.logit_kurtosis, '3 for a normal distribution'
    FROM card AS f
    UNION ALL
    SELECT 2, 0, 6, 'weights', 'raises', NULL, f.raises
    FROM card AS f
    UNION ALL
    SELECT 2, 0, 7, 'weights', 'lowers', NULL, f.lowers
    FROM card AS f
    UNION ALL
    SELECT 2, 0, 8, 'weights', 'bos_activation', b.activation, 'on BOS, left out of everything below'
    FROM card AS f
    JOIN bos_activation AS b ON b.sae = f.sae AND b.feature = f.feature
    UNION ALL
    SELECT 3, c.corpus, 1, 'corpus ' || c.name, 'density', c.density,
        c.active_tokens || ' of ' || c.tokens || ' tokens'
    FROM by_corpus AS c
    UNION ALL
    SELECT 3, c.corpus, 2, 'corpus ' || c.name, 'documents', c.documents, 'of ' || c.documents_read
    FROM by_corpus AS c
    WHERE c.active_tokens > 0
    UNION ALL
    SELECT 3, c.corpus, 3, 'corpus ' || c.name, 'mean_active', c.mean_active, NULL
    FROM by_corpus AS c
    WHERE c.active_tokens > 0
    UNION ALL
    SELECT 3, c.corpus, 4, 'corpus ' || c.name, 'std_active', c.std_active, NULL
    FROM by_corpus AS c
    WHERE c.active_tokens > 0
    UNION ALL
    SELECT 3, c.corpus, 5, 'corpus ' || c.name, 'max_activation', c.max_activation, NULL
    FROM by_corpus AS c
    WHERE c.active_tokens > 0
    UNION ALL
    SELECT 4, 0, t.place, 'fires most on', 'active_tokens', t.active_tokens, t.text
    FROM top_token AS t
    UNION ALL
    SELECT 5, c.contrast, 1, 'contrast ' || c.name, 'auroc', c.auroc, NULL
    FROM by_contrast AS c
    UNION ALL
    SELECT 5, c.contrast, 2, 'contrast ' || c.name, 'q', c.q, NULL
    FROM by_contrast AS c
    UNION ALL
    SELECT 5, c.contrast, 3, 'contrast ' || c.name, 'fires_positive', c.fires_positive,
        'of ' || c.documents_positive || c.compared
    FROM by_contrast AS c
    UNION ALL
    SELECT 5, c.contrast, 4, 'contrast ' || c.name, 'fires_control', c.fires_control,
        'of ' || c.documents_control || c.compared
    FROM by_contrast AS c
    UNION ALL
    SELECT 5, c.contrast, 5, 'contrast ' || c.name, 'mean_difference', c.mean_difference, NULL
    FROM by_contrast AS c
    UNION ALL
    SELECT 5, c.contrast, 6, 'contrast ' || c.name, 'study_difference', c.study_difference,
        CASE WHEN c.study_kept THEN 'kept by the study''s rule' ELSE 'dropped by the study''s rule' END
    FROM by_contrast AS c
)
SELECT
    section,
    fact,
    value,
    text
FROM fact
ORDER BY place, part, number
