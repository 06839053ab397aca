-- A match `m` of a feature in another SAE: how near, what the best match reaches by chance `c`, and into how many it is split.
m.other_feature,
m.cosine,
m.correlation,
CASE m.measure WHEN 'cosine' THEN c.chance_cosine ELSE c.chance_correlation END AS chance,
m.mutual,
m.siblings,
(
    SELECT COUNT(*)
    FROM feature_match AS b
    WHERE b.sae = m.other_sae
        AND b.other_sae = m.sae
        AND b.measure = m.measure
        AND b.other_feature = m.feature
        AND b.siblings > 0
) AS parts
