-- title: Documents ranked for a feature
-- description: The documents on which a feature is strongest, with its maximum, its mean over the document's tokens, and where the document comes from. The text is the beginning of the document.
-- database: activations
-- param feature: INTEGER  -- zero-based index of the feature
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: the one that has read most documents
-- param corpus: VARCHAR = ''  -- corpus; empty: all of them
-- param limit: INTEGER = 40  -- most rows shown
WITH chosen AS (
    -- part: first_sae_asked
),
ranked AS (
    SELECT
        fd.*,
        k.name AS corpus_name
    FROM feature_document AS fd
    JOIN chosen ON chosen.sae = fd.sae
    JOIN document AS d ON d.document = fd.document
    JOIN corpus AS k ON k.corpus = d.corpus
    WHERE fd.feature = :feature
        AND (:corpus = '' OR k.name = :corpus)
    ORDER BY fd.max_activation DESC, fd.document
    LIMIT :limit
)
SELECT
    chosen.name AS sae,
    r.feature,
    r.max_activation,
    r.sum_activation / v.tokens AS mean,
    r.active_tokens,
    v.tokens,
    r.corpus_name AS corpus,
    r.document,
    d.external_id,
    d.term,
    CASE WHEN LENGTH(d.text) <= 160 THEN d.text ELSE SUBSTR(d.text, 1, 157) || '...' END AS text,
    d.source,
    d.licence,
    d.attribution
FROM ranked AS r
JOIN chosen ON chosen.sae = r.sae
JOIN document AS d ON d.document = r.document
JOIN coverage AS v ON v.sae = r.sae AND v.document = r.document
ORDER BY r.max_activation DESC, r.document
