-- title: Features that fire on a word
-- description: Features by how well they pick out a word or phrase, upper and lower case alike: the share of its occurrences that they fire on, and the share of their activations that fall on it. The order is by the harmonic mean of the two. The word may be several tokens long.
-- database: activations
-- param word: VARCHAR  -- word or phrase, such as cancer
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: all of them
-- param min_occurrences: INTEGER = 1  -- fewest occurrences that the feature must fire on
-- param limit: INTEGER = 40  -- most rows shown
WITH asked_sae AS (
    -- part: every_sae_asked
),
needle AS (
    SELECT LOWER(TRIM(:word)) AS word
),
cut AS (
    SELECT
        d.document,
        p.number,
        LENGTH(p.piece) + LENGTH(needle.word) AS step,
        LENGTH(needle.word) AS length
    FROM document AS d
    CROSS JOIN needle
    CROSS JOIN UNNEST(STRING_SPLIT(LOWER(d.text), needle.word)) WITH ORDINALITY AS p(piece, number)
    WHERE needle.word <> ''
        AND CONTAINS(LOWER(d.text), needle.word)
),
found AS (
    SELECT
        document,
        CAST(SUM(step) OVER (PARTITION BY document ORDER BY number) AS INTEGER) - length AS char_start,
        length
    FROM cut
),
occurrence AS (
    SELECT
        ROW_NUMBER() OVER (ORDER BY f.document, f.char_start) AS occurrence,
        f.document,
        f.char_start,
        f.char_start + f.length AS char_end
    FROM found AS f
    JOIN document AS d ON d.document = f.document
    WHERE f.char_start < LENGTH(d.text)
        AND NOT REGEXP_MATCHES(SUBSTR(d.text, f.char_start, 1), '[\p{L}\p{N}]')
        AND NOT REGEXP_MATCHES(SUBSTR(d.text, f.char_start + f.length + 1, 1), '[\p{L}\p{N}]')
),
hit AS (
    SELECT
        s.sae,
        o.occurrence,
        t.context,
        t.position,
        ROW_NUMBER() OVER (PARTITION BY s.sae, t.context, t.position ORDER BY o.occurrence) AS turn
    FROM occurrence AS o
    JOIN context AS x ON x.document = o.document
    JOIN token AS t ON t.context = x.context AND t.char_start < o.char_end AND t.char_end > o.char_start
    JOIN coverage AS v ON v.document = o.document
    JOIN asked_sae AS s ON s.sae = v.sae AND s.tokenization = x.tokenization
),
asked AS (
    SELECT
        sae,
        COUNT(DISTINCT occurrence) AS occurrences
    FROM hit
    GROUP BY sae
),
lit AS (
    SELECT
        hit.sae,
        hit.occurrence,
        hit.turn,
        UNNEST(f.features) AS feature
    FROM hit
    JOIN firing AS f ON f.sae = hit.sae AND f.context = hit.context AND f.position = hit.position
),
fired AS (
    SELECT
        sae,
        feature,
        COUNT(DISTINCT occurrence) AS fires_on,
        COUNT(*) FILTER (WHERE turn = 1) AS active_tokens
    FROM lit
    GROUP BY sae, feature
    HAVING COUNT(DISTINCT occurrence) >= CAST(:min_occurrences AS INTEGER)
),
total AS (
    -- part: active_tokens
),
shared AS (
    SELECT
        fired.*,
        asked.occurrences,
        1.0 * fired.fires_on / asked.occurrences AS share_of_occurrences,
        1.0 * fired.active_tokens / total.active_tokens AS share_of_activations
    FROM fired
    JOIN asked ON asked.sae = fired.sae
    JOIN total ON total.sae = fired.sae AND total.feature = fired.feature
),
ranked AS (
    SELECT
        *,
        2.0 * share_of_occurrences * share_of_activations
            / (share_of_occurrences + share_of_activations) AS harmonic_mean
    FROM shared
),
best AS (
    SELECT *
    FROM ranked
    QUALIFY RANK() OVER (ORDER BY harmonic_mean DESC) <= CAST(:limit AS INTEGER)
),
own AS (
    -- First of all by feature, by which activations are sorted: DuckDB skips the others.
    SELECT *
    FROM activation
    SEMI JOIN best ON best.feature = activation.feature
),
strength AS (
    SELECT
        a.sae,
        a.feature,
        AVG(a.activation) AS mean_active,
        MAX(a.activation) AS max_activation
    FROM own AS a
    JOIN hit ON hit.sae = a.sae AND hit.context = a.context AND hit.position = a.position
    GROUP BY a.sae, a.feature
)
SELECT
    s.label AS sae,
    b.feature,
    b.harmonic_mean,
    b.fires_on,
    b.occurrences,
    b.share_of_occurrences,
    b.share_of_activations,
    v.mean_active,
    v.max_activation
FROM best AS b
JOIN strength AS v ON v.sae = b.sae AND v.feature = b.feature
JOIN sae AS s ON s.sae = b.sae
ORDER BY b.harmonic_mean DESC, v.mean_active DESC, b.sae, b.feature
LIMIT :limit
