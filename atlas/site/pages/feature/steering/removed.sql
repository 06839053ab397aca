SELECT
    a.positive,
    a.control,
    p.rise AS rise_positive,
    c.rise AS rise_control,
    a.difference,
    a.difference_low,
    a.difference_high,
    a.difference_rank,
    a.random_features
FROM ablation AS a
JOIN ablation_effect AS p ON p.ablation = a.ablation AND p.random = 0 AND p.side = 'positive'
JOIN ablation_effect AS c ON c.ablation = a.ablation AND c.random = 0 AND c.side = 'control'
WHERE a.sae = :sae
    AND a.feature = :feature
ORDER BY a.ablation
