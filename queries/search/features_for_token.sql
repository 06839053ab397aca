-- title: Features that fire on a token
-- description: Features by how well they pick out one token of the vocabulary: the share of its occurrences that they fire on, and the share of their activations that fall on it. The order is by the harmonic mean of the two. A token typed with a space before it is that one alone; without, it is taken with and without the space, upper and lower case alike.
-- database: activations
-- param token: VARCHAR  -- token, such as " disease" or ,
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: all of them
-- param limit: INTEGER = 40  -- most rows shown
WITH asked_sae AS (
    -- part: every_sae_asked
),
meant AS (
    SELECT
        a.sae,
        v.token_id
    FROM vocabulary AS v
    JOIN asked_sae AS a ON a.tokenization = v.tokenization
    WHERE v.text = :token
        OR (TRIM(:token) = :token AND LOWER(TRIM(v.text)) = LOWER(:token))
),
occurred AS (
    SELECT
        meant.sae,
        COUNT(*) AS occurrences
    FROM meant
    JOIN asked_sae AS a ON a.sae = meant.sae
    JOIN token AS t ON t.token_id = meant.token_id
    JOIN context AS x ON x.context = t.context AND x.tokenization = a.tokenization
    JOIN coverage AS v ON v.document = x.document AND v.sae = meant.sae AND v.summed
    GROUP BY meant.sae
),
fired AS (
    SELECT
        f.sae,
        f.feature,
        SUM(f.active_tokens) AS fires_on,
        SUM(f.sum_activation) AS sum_activation
    FROM meant
    JOIN feature_token AS f ON f.sae = meant.sae AND f.token_id = meant.token_id
    GROUP BY f.sae, f.feature
),
total AS (
    -- part: active_tokens
),
shared AS (
    SELECT
        fired.sae,
        fired.feature,
        CAST(fired.fires_on AS BIGINT) AS fires_on,
        occurred.occurrences,
        1.0 * fired.fires_on / occurred.occurrences AS share_of_occurrences,
        1.0 * fired.fires_on / total.active_tokens AS share_of_activations,
        fired.sum_activation / fired.fires_on AS mean_active
    FROM fired
    JOIN occurred ON occurred.sae = fired.sae
    JOIN total ON total.sae = fired.sae AND total.feature = fired.feature
),
labelled AS (
    -- part: best_label
)
SELECT
    s.name AS sae,
    r.feature,
    2.0 * r.share_of_occurrences * r.share_of_activations
        / (r.share_of_occurrences + r.share_of_activations) AS harmonic_mean,
    r.fires_on,
    r.occurrences,
    r.share_of_occurrences,
    r.share_of_activations,
    r.mean_active,
    l.label
FROM shared AS r
JOIN asked_sae AS s ON s.sae = r.sae
LEFT JOIN labelled AS l ON l.sae = r.sae AND l.feature = r.feature
ORDER BY harmonic_mean DESC, r.mean_active DESC, r.sae, r.feature
LIMIT :limit
