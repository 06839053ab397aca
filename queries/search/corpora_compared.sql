-- title: Two corpora through one SAE
-- description: Features by how much more often they fire in one corpus than in another, either way: a positive difference favours the first. Mean is over all tokens, silent ones included.
-- database: atlas
-- param corpus: VARCHAR = ''  -- first corpus; empty: the first in the atlas
-- param other_corpus: VARCHAR = ''  -- second corpus; empty: the next in the atlas
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: the one that has read most documents
-- param limit: INTEGER = 40  -- most rows shown
WITH chosen AS (
    -- part: first_sae_asked
),
here AS (
    SELECT
        corpus AS key,
        name
    FROM corpus
    WHERE :corpus = '' OR name = :corpus
    ORDER BY corpus.corpus
    LIMIT 1
),
there AS (
    SELECT
        corpus.corpus AS key,
        corpus.name
    FROM corpus
    CROSS JOIN here
    WHERE (:other_corpus = '' AND corpus.corpus <> here.key) OR corpus.name = :other_corpus
    ORDER BY corpus.corpus
    LIMIT 1
),
compared AS (
    SELECT
        c.sae,
        c.feature,
        SUM(CASE WHEN c.corpus = here.key THEN c.density ELSE 0.0 END) AS density,
        SUM(CASE WHEN c.corpus = there.key THEN c.density ELSE 0.0 END) AS other_density,
        SUM(CASE WHEN c.corpus = here.key THEN c.mean ELSE 0.0 END) AS mean,
        SUM(CASE WHEN c.corpus = there.key THEN c.mean ELSE 0.0 END) AS other_mean,
        CAST(SUM(CASE WHEN c.corpus = here.key THEN c.documents ELSE 0 END) AS BIGINT) AS documents,
        CAST(SUM(CASE WHEN c.corpus = there.key THEN c.documents ELSE 0 END) AS BIGINT) AS other_documents
    FROM feature_corpus AS c
    JOIN chosen ON chosen.sae = c.sae
    CROSS JOIN here
    CROSS JOIN there
    WHERE c.corpus IN (here.key, there.key)
    GROUP BY c.sae, c.feature
),
ranked AS (
    SELECT
        *,
        density - other_density AS density_difference,
        mean - other_mean AS mean_difference
    FROM compared
    ORDER BY ABS(density - other_density) DESC, feature
    LIMIT :limit
),
top_token AS (
    -- part: top_tokens
)
SELECT
    here.name AS corpus,
    there.name AS other_corpus,
    chosen.name AS sae,
    r.feature,
    r.density_difference,
    r.density,
    r.other_density,
    r.mean_difference,
    r.mean,
    r.other_mean,
    r.documents,
    r.other_documents,
    (SELECT t.text FROM top_token AS t WHERE t.sae = r.sae AND t.feature = r.feature AND t.rank = 1) AS top_token
FROM ranked AS r
CROSS JOIN chosen
CROSS JOIN here
CROSS JOIN there
ORDER BY ABS(r.density_difference) DESC, r.feature
