SELECT
    graph,
    text,
    clean_value,
    faithfulness,
    completeness
FROM graph
WHERE sae = :sae
    AND feature = :feature
    AND method = 'ablation'
ORDER BY clean_value DESC, graph
