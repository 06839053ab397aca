SELECT
    -- part: other_feature
FROM feature_opposite AS n
LEFT JOIN feature AS f ON f.sae = n.sae AND f.feature = n.other_feature
WHERE n.sae = :sae
    AND n.feature = :feature
ORDER BY n.rank, n.other_feature
