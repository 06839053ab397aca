-- title: Tokens on which a feature fires
-- description: The tokens a feature fires on, most often first: the share of its activations that fall on each, and the share of the token's occurrences on which it fires.
-- database: activations
-- param feature: INTEGER  -- zero-based index of the feature
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: the one that has read most documents
-- param corpus: VARCHAR = ''  -- corpus; empty: all of them
-- param limit: INTEGER = 40  -- most rows shown
WITH chosen AS (
    -- part: first_sae_asked
),
fired AS (
    SELECT
        t.sae,
        t.feature,
        t.token_id,
        CAST(SUM(t.active_tokens) AS BIGINT) AS active_tokens,
        SUM(t.sum_activation) AS sum_activation
    FROM feature_token AS t
    JOIN chosen ON chosen.sae = t.sae
    JOIN corpus AS k ON k.corpus = t.corpus
    WHERE t.feature = :feature
        AND (:corpus = '' OR k.name = :corpus)
    GROUP BY t.sae, t.feature, t.token_id
),
shared AS (
    SELECT
        *,
        1.0 * active_tokens / SUM(active_tokens) OVER () AS share_of_activations
    FROM fired
    ORDER BY active_tokens DESC, sum_activation DESC, token_id
    LIMIT :limit
),
read AS (
    SELECT
        t.token_id,
        COUNT(*) AS occurrences
    FROM chosen
    JOIN coverage AS v ON v.sae = chosen.sae AND v.summed
    JOIN document AS d ON d.document = v.document
    JOIN corpus AS k ON k.corpus = d.corpus
    JOIN context AS x ON x.document = d.document AND x.tokenization = chosen.tokenization
    JOIN token AS t ON t.context = x.context
    WHERE (:corpus = '' OR k.name = :corpus)
        AND t.token_id IN (SELECT token_id FROM shared)
    GROUP BY t.token_id
)
SELECT
    chosen.name AS sae,
    f.feature,
    v.text AS token,
    f.token_id,
    f.active_tokens,
    f.share_of_activations,
    r.occurrences,
    1.0 * f.active_tokens / r.occurrences AS share_of_occurrences,
    f.sum_activation / f.active_tokens AS mean_active
FROM shared AS f
JOIN chosen ON chosen.sae = f.sae
LEFT JOIN read AS r ON r.token_id = f.token_id
LEFT JOIN vocabulary AS v ON v.tokenization = chosen.tokenization AND v.token_id = f.token_id
ORDER BY f.active_tokens DESC, f.sum_activation DESC, f.token_id
