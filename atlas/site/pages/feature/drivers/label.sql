SELECT best.label
FROM sae AS s
JOIN (
    -- part: best_label
) AS best ON best.sae = s.sae
WHERE s.label = :other
    AND best.feature = :other_feature
