SELECT
    there.label AS other_sae,
    m.measure,
    -- part: other_match
FROM feature_match AS m
JOIN sae_match AS c ON c.sae = m.sae AND c.other_sae = m.other_sae
JOIN sae AS there ON there.sae = m.other_sae
WHERE m.sae = :sae
    AND m.feature = :feature
    AND m.rank = 1
ORDER BY there.hook_layer, there.ordinal, m.measure
