SELECT
    source,
    target,
    weight
FROM graph_edge
WHERE graph = :graph
ORDER BY ABS(weight) DESC, source, target
