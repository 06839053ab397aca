WITH licensed AS (
    SELECT
        corpus,
        licence,
        COUNT(*) AS documents
    FROM document
    GROUP BY corpus, licence
),
held AS (
    SELECT
        corpus,
        SUM(documents) AS documents,
        GROUP_CONCAT(DISTINCT licence) AS licences
    FROM licensed
    GROUP BY corpus
),
grouped AS (
    SELECT
        corpus,
        COUNT(DISTINCT group_name) + SUM(CASE WHEN group_name IS NULL THEN 1 ELSE 0 END) AS document_groups
    FROM document
    GROUP BY corpus
),
read AS (
    SELECT
        corpus,
        MAX(tokens) AS tokens
    FROM sae_corpus
    GROUP BY corpus
)
SELECT
    k.corpus,
    k.name,
    k.domain,
    COALESCE(held.documents, 0) AS documents,
    grouped.document_groups,
    read.tokens,
    held.licences
FROM corpus AS k
LEFT JOIN held ON held.corpus = k.corpus
LEFT JOIN grouped ON grouped.corpus = k.corpus
LEFT JOIN read ON read.corpus = k.corpus
ORDER BY COALESCE(held.documents, 0) DESC, k.name, k.corpus
