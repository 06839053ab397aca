WITH labelled AS (
    -- part: best_label
),
kept_nodes AS (
    SELECT *
    FROM graph_node
    WHERE graph = :graph
        AND kept
)
SELECT
    n.node,
    n.kind,
    n.level,
    s.label AS sae_name,
    s.hook_name,
    n.position,
    n.feature,
    n.token,
    n.activation,
    n.probability,
    n.effect,
    n.influence,
    l.label
FROM kept_nodes AS n
LEFT JOIN sae AS s ON s.sae = n.sae
LEFT JOIN labelled AS l ON l.sae = n.sae AND l.feature = n.feature
ORDER BY n.node
