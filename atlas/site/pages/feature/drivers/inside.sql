SELECT graph
FROM graph_node
WHERE sae = :sae
    AND feature = :feature
LIMIT 1
