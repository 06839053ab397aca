WITH found AS (
    SELECT
        rowid AS document,
        SNIPPET(document_fts, 0, CHAR(2), CHAR(3), '…', 40) AS excerpt,
        rank
    FROM document_fts
    WHERE document_fts MATCH :match
    ORDER BY rank, rowid
    LIMIT :limit
)
SELECT
    f.document,
    f.excerpt,
    k.name AS corpus,
    d.external_id
FROM found AS f
JOIN document AS d ON d.document = f.document
JOIN corpus AS k ON k.corpus = d.corpus
ORDER BY f.rank, f.document
