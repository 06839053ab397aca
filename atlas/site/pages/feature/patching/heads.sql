WITH effect AS (
    SELECT
        p.model,
        e.kind,
        e.layer,
        e.head,
        -- part: effect_over_pairs
    FROM patch_pair AS p
    JOIN patch_effect AS e ON e.patch_pair = p.patch_pair
    WHERE p.sae = :sae
        AND p.feature = :feature
        AND e.position IS NULL
        AND e.kind IN ('z', 'mlp_out')
        AND e.denoised_effect IS NOT NULL
    GROUP BY p.model, e.kind, e.layer, e.head
),
looked AS (
    SELECT
        h.model,
        h.layer,
        h.head,
        SUM(h.term * h.documents) / SUM(CASE WHEN h.term IS NOT NULL THEN h.documents END) AS term,
        SUM(h.previous * h.documents) / SUM(CASE WHEN h.previous IS NOT NULL THEN h.documents END) AS previous,
        SUM(h.bos * h.documents) / SUM(CASE WHEN h.bos IS NOT NULL THEN h.documents END) AS bos
    FROM attention_head AS h
    WHERE h.tokenization = :tokenization
    GROUP BY h.model, h.layer, h.head
)
SELECT
    e.kind,
    e.layer,
    e.head,
    e.pairs,
    e.denoised,
    e.noised,
    l.term,
    l.previous,
    l.bos
FROM effect AS e
LEFT JOIN looked AS l ON l.model = e.model AND l.layer = e.layer AND l.head = e.head
ORDER BY e.denoised DESC, e.kind, e.layer, e.head
LIMIT :limit
