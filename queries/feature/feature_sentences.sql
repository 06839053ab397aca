-- title: A feature's strongest sentences
-- description: The windows of text on which a feature is strongest, its strongest token between asterisks, with where the text comes from and under which licence.
-- database: activations
-- param feature: INTEGER  -- zero-based index of the feature
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: the first in the atlas
-- param corpus: VARCHAR = ''  -- corpus; empty: all of them
-- param limit: INTEGER = 20  -- most rows shown
WITH chosen AS (
    SELECT
        sae,
        tokenization,
        label AS name
    FROM sae
    WHERE :sae IN ('', label, pinned)
    ORDER BY ordinal
    LIMIT 1
),
fired AS (
    SELECT
        a.sae,
        a.feature,
        a.context,
        a.position,
        a.activation,
        COUNT(*) OVER (PARTITION BY a.context) AS active_tokens,
        ROW_NUMBER() OVER (PARTITION BY a.context ORDER BY a.activation DESC, a.position) AS place
    FROM activation AS a
    JOIN chosen ON chosen.sae = a.sae
    WHERE a.feature = :feature
),
shown AS (
    SELECT
        fired.*,
        d.document,
        k.name AS corpus
    FROM fired
    JOIN context AS x ON x.context = fired.context
    JOIN document AS d ON d.document = x.document
    JOIN corpus AS k ON k.corpus = d.corpus
    WHERE fired.place = 1
        AND (:corpus = '' OR k.name = :corpus)
    ORDER BY fired.activation DESC, fired.context
    LIMIT :limit
),
span AS (
    SELECT
        t.context,
        MIN(t.char_start) AS char_start,
        MAX(t.char_end) AS char_end
    FROM shown
    JOIN token AS t ON t.context = shown.context
    GROUP BY t.context
),
marked AS (
    SELECT
        shown.*,
        t.text AS token,
        span.char_start AS window_start,
        span.char_end AS window_end,
        t.char_end AS token_end,
        t.char_start + LENGTH(SUBSTR(d.text, t.char_start + 1, t.char_end - t.char_start))
            - LENGTH(LTRIM(SUBSTR(d.text, t.char_start + 1, t.char_end - t.char_start))) AS token_start,
        d.text,
        d.external_id,
        d.source,
        d.licence,
        d.attribution
    FROM shown
    JOIN span ON span.context = shown.context
    JOIN token AS t ON t.context = shown.context AND t.position = shown.position
    JOIN document AS d ON d.document = shown.document
)
SELECT
    chosen.name AS sae,
    m.feature,
    m.activation,
    m.token,
    TRIM(
        SUBSTR(m.text, m.window_start + 1, m.token_start - m.window_start)
        || '**' || SUBSTR(m.text, m.token_start + 1, m.token_end - m.token_start) || '**'
        || SUBSTR(m.text, m.token_end + 1, m.window_end - m.token_end)
    ) AS sentence,
    m.active_tokens,
    m.corpus,
    m.document,
    m.external_id,
    m.source,
    m.licence,
    m.attribution
FROM marked AS m
JOIN chosen ON chosen.sae = m.sae
ORDER BY m.activation DESC, m.context
