-- title: A feature's strongest sentences
-- description: The windows of text on which a feature is strongest, its strongest token between asterisks, with where the text comes from and under which licence.
-- database: activations
-- param feature: INTEGER  -- zero-based index of the feature
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: the one that has read most documents
-- param corpus: VARCHAR = ''  -- corpus; empty: all of them
-- param limit: INTEGER = 20  -- most rows shown
WITH chosen AS (
    -- part: first_sae_asked
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
marked AS (
    -- part: window_marked
)
SELECT
    chosen.name AS sae,
    m.feature,
    m.activation,
    m.token,
    m.sentence,
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
