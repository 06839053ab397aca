-- title: Sentences across a feature's whole range
-- description: Windows of text sampled by hash at every strength of a feature, from its strongest octave (a doubling of the activation) to its weakest: what the top sentences alone would hide.
-- database: activations
-- param feature: INTEGER  -- zero-based index of the feature
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: the first in the atlas
-- param corpus: VARCHAR = ''  -- corpus; empty: all of them
-- param per_octave: INTEGER = 3  -- most windows shown of an octave
-- param limit: INTEGER = 40  -- most rows shown
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
sampled AS (
    SELECT
        e.sae,
        e.feature,
        e.context,
        e.position,
        e.activation,
        e.octave,
        x.document,
        k.name AS corpus,
        ROW_NUMBER() OVER (PARTITION BY e.octave ORDER BY x.content_hash, e.context) AS place
    FROM feature_example AS e
    JOIN chosen ON chosen.sae = e.sae
    JOIN corpus AS k ON k.corpus = e.corpus
    JOIN context AS x ON x.context = e.context
    WHERE e.feature = :feature
        AND e.sampling = 'octave'
        AND (:corpus = '' OR k.name = :corpus)
),
shown AS (
    SELECT *
    FROM sampled
    WHERE place <= CAST(:per_octave AS INTEGER)
    ORDER BY octave DESC, place
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
    m.octave,
    POWER(2.0, m.octave) AS octave_start,
    m.place,
    m.activation,
    m.token,
    TRIM(
        SUBSTR(m.text, m.window_start + 1, m.token_start - m.window_start)
        || '**' || SUBSTR(m.text, m.token_start + 1, m.token_end - m.token_start) || '**'
        || SUBSTR(m.text, m.token_end + 1, m.window_end - m.token_end)
    ) AS sentence,
    m.corpus,
    m.document,
    m.external_id,
    m.source,
    m.licence,
    m.attribution
FROM marked AS m
JOIN chosen ON chosen.sae = m.sae
ORDER BY m.octave DESC, m.place
