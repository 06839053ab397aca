-- title: Terms on which a feature fires
-- description: Each term that documents are marked with (a pathology, say): in how many of them the feature fires on the term itself, and how strongly. A feature for a whole subject fires on many terms, one for a single word on one.
-- database: activations
-- param feature: INTEGER  -- zero-based index of the feature
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: the one that has read most documents
-- param corpus: VARCHAR = ''  -- corpus; empty: all of them
-- param limit: INTEGER = 200  -- most rows shown
WITH chosen AS (
    -- part: first_sae_asked
),
named AS (
    SELECT
        d.document,
        d.term,
        t.context,
        t.position
    FROM chosen
    JOIN coverage AS v ON v.sae = chosen.sae
    JOIN document AS d ON d.document = v.document
    JOIN corpus AS k ON k.corpus = d.corpus
    JOIN context AS x ON x.document = d.document AND x.tokenization = chosen.tokenization
    JOIN token AS t ON t.context = x.context AND t.char_start < d.term_end AND t.char_end > d.term_start
    WHERE d.term IS NOT NULL
        AND (:corpus = '' OR k.name = :corpus)
)
SELECT
    MAX(chosen.name) AS sae,
    CAST(:feature AS INTEGER) AS feature,
    n.term,
    COUNT(DISTINCT n.document) AS documents,
    COUNT(DISTINCT CASE WHEN a.activation IS NOT NULL THEN n.document END) AS fires_on,
    1.0 * COUNT(DISTINCT CASE WHEN a.activation IS NOT NULL THEN n.document END)
        / COUNT(DISTINCT n.document) AS share,
    MAX(a.activation) AS max_activation
FROM named AS n
CROSS JOIN chosen
LEFT JOIN activation AS a
    ON a.sae = chosen.sae AND a.feature = :feature AND a.context = n.context AND a.position = n.position
GROUP BY n.term
ORDER BY share DESC, max_activation DESC NULLS LAST, n.term
LIMIT :limit
