WITH prompt AS (
    SELECT
        e.*,
        ROW_NUMBER() OVER (
            PARTITION BY e.text
            ORDER BY CASE e.estimator WHEN 'exact' THEN 1 WHEN 'permutation' THEN 2 ELSE 3 END, e.explanation
        ) AS place
    FROM explanation AS e
    WHERE e.sae = :sae
        AND e.feature = :feature
        AND e.question = 'feature'
)
SELECT
    p.explanation,
    p.document,
    d.external_id,
    k.name AS corpus_name,
    p.text,
    p.baseline,
    p.estimator,
    p.evaluations,
    p.base_value,
    p.full_value,
    p.residual
FROM prompt AS p
LEFT JOIN document AS d ON d.document = p.document
LEFT JOIN corpus AS k ON k.corpus = d.corpus
WHERE p.place = 1
ORDER BY p.full_value DESC, p.explanation
LIMIT :limit
