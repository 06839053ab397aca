-- title: Heads that look elsewhere in positive documents
-- description: Each head and measure compared between the sides of a contrast, the least likely by chance first: means of both sides, AUROC, and the same among documents of like length (auroc_length, p_length: van Elteren), since tokens share a weight; the rank-sum p by exchanges of labels among like lengths, and its false-discovery q over all heads and measures, which holds under shuffled labels.
-- database: atlas
-- param contrast: VARCHAR = ''  -- name of the contrast; empty: the first in the atlas
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: the one that has read most documents
-- param max_q: DOUBLE = 1.0  -- largest q that is shown
-- param limit: INTEGER = 40  -- most rows shown
WITH chosen AS (
    -- part: first_sae_asked
),
asked AS (
    -- part: contrast_asked
)
SELECT
    a.layer,
    a.head,
    a.measure,
    a.documents_positive,
    a.documents_control,
    a.mean_positive,
    a.mean_control,
    a.auroc,
    a.auroc_length,
    a.p,
    a.p_length,
    a.q
FROM attention_contrast AS a
JOIN chosen ON chosen.sae = a.sae
JOIN asked ON asked.contrast = a.contrast
WHERE a.q <= :max_q
ORDER BY a.q, a.p, a.layer, a.head, a.measure
LIMIT :limit
