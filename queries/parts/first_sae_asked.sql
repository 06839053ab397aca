-- The SAE that was asked for; where none was, the one that has read most documents, of several the first.
SELECT s.*
FROM (
    -- part: every_sae_asked
) AS s
LEFT JOIN (
    SELECT
        sae,
        SUM(documents) AS read_documents
    FROM sae_corpus
    GROUP BY sae
) AS r ON r.sae = s.sae
ORDER BY COALESCE(r.read_documents, 0) DESC, s.ordinal
LIMIT 1
