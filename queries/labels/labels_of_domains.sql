-- title: Labels of each domain's features
-- description: The features that fire most in the corpora of a domain rather than in all the others (by the difference of densities times their contrast), a few of each domain, dense ones left out, with their best label, its AUROC on documents that made no label, and that of the best wrong label.
-- database: atlas
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: the one that has read most documents
-- param features: INTEGER = 10  -- features of each domain
-- param min_documents: INTEGER = 3  -- fewest documents of it that a feature must fire in
-- param max_density: DOUBLE = 0.02  -- largest share of all tokens that a feature may fire on
-- param limit: INTEGER = 400  -- most rows shown
WITH asked AS (
    -- part: first_sae_asked
),
read AS (
    SELECT
        k.domain,
        CAST(SUM(c.tokens) AS BIGINT) AS tokens
    FROM sae_corpus AS c
    JOIN asked AS a ON a.sae = c.sae
    JOIN corpus AS k ON k.corpus = c.corpus
    GROUP BY k.domain
),
fired AS (
    SELECT
        c.sae,
        c.feature,
        k.domain,
        CAST(SUM(c.active_tokens) AS BIGINT) AS active_tokens,
        CAST(SUM(c.documents) AS BIGINT) AS documents
    FROM feature_corpus AS c
    JOIN asked AS a ON a.sae = c.sae
    JOIN corpus AS k ON k.corpus = c.corpus
    GROUP BY c.sae, c.feature, k.domain
),
dense AS (
    SELECT
        f.*,
        1.0 * f.active_tokens / r.tokens AS density,
        1.0 * (SUM(f.active_tokens) OVER (PARTITION BY f.feature) - f.active_tokens)
            / NULLIF((SELECT SUM(tokens) FROM read) - r.tokens, 0) AS density_elsewhere,
        1.0 * SUM(f.active_tokens) OVER (PARTITION BY f.feature) / (SELECT SUM(tokens) FROM read) AS density_of_all
    FROM fired AS f
    JOIN read AS r ON r.domain = f.domain
),
ranked AS (
    SELECT
        d.*,
        ROW_NUMBER() OVER (
            PARTITION BY d.domain
            ORDER BY (d.density - d.density_elsewhere) * (d.density - d.density_elsewhere)
                / (d.density + d.density_elsewhere) DESC, d.feature
        ) AS place
    FROM dense AS d
    WHERE d.density > d.density_elsewhere
        AND d.density_of_all <= CAST(:max_density AS DOUBLE)
        AND d.documents >= CAST(:min_documents AS INTEGER)
),
best_label AS (
    -- part: best_label
)
SELECT
    r.domain,
    r.place,
    s.label AS sae,
    r.feature,
    b.label,
    b.method,
    b.auroc,
    b.wrong_best,
    r.density,
    r.density_elsewhere,
    r.documents
FROM ranked AS r
JOIN sae AS s ON s.sae = r.sae
LEFT JOIN best_label AS b ON b.sae = r.sae AND b.feature = r.feature
WHERE r.place <= CAST(:features AS INTEGER)
ORDER BY r.domain, r.place
LIMIT :limit
