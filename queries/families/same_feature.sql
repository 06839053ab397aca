-- title: The same feature in other SAEs
-- description: The features of other SAEs most like a given one, by cosine of decoders and by correlation of activations on the same tokens, beside what the best match reaches by chance (95th percentile). Mutual: each is the other's best. Parts counts the features there whose best match this is, all alike enough: 2 or more, it is split there.
-- database: atlas
-- param feature: INTEGER  -- zero-based index of the feature
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: the one that has read most documents
WITH chosen AS (
    -- part: first_sae_asked
)
SELECT
    chosen.name AS sae,
    m.feature,
    there.label AS other_sae,
    m.measure,
    m.rank,
    -- part: other_match
FROM chosen
JOIN feature_match AS m ON m.sae = chosen.sae
JOIN sae_match AS c ON c.sae = m.sae AND c.other_sae = m.other_sae
JOIN sae AS there ON there.sae = m.other_sae
WHERE m.feature = :feature
ORDER BY there.hook_layer, there.ordinal, m.measure, m.rank
