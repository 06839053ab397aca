SELECT
    class,
    COUNT(*) AS documents,
    MIN(value) AS lowest,
    MAX(value) AS highest
FROM association_document
WHERE association = :association
    AND sae = :sae
GROUP BY class
ORDER BY class
