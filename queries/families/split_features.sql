-- title: Features that are several in another SAE
-- description: Features of an SAE that two or more features of another one have as their best match, all alike enough (sae_match says from when): one here, split there. The parts stand beside how alike they are.
-- database: atlas
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: the one that has read most documents
-- param measure: VARCHAR = 'cosine'  -- what a match goes by: correlation or cosine
-- param limit: INTEGER = 40  -- most rows shown
WITH chosen AS (
    -- part: first_sae_asked
)
SELECT
    chosen.name AS sae,
    m.other_feature AS feature,
    there.label AS other_sae,
    m.siblings AS parts,
    m.feature AS part,
    m.cosine,
    m.correlation,
    (f.top_logits ->> '$[0][0]')
        || COALESCE(' | ' || (f.top_logits ->> '$[1][0]'), '')
        || COALESCE(' | ' || (f.top_logits ->> '$[2][0]'), '') AS part_raises
FROM chosen
JOIN feature_match AS m ON m.other_sae = chosen.sae
JOIN sae AS there ON there.sae = m.sae
JOIN feature AS f ON f.sae = m.sae AND f.feature = m.feature
WHERE m.measure = :measure
    AND m.rank = 1
    AND m.siblings > 1
ORDER BY m.siblings DESC, feature, there.ordinal, part
LIMIT :limit
