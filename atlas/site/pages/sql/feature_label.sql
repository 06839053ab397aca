SELECT *
FROM feature_label
WHERE sae = :sae
    AND feature = :feature
ORDER BY label
LIMIT 20
