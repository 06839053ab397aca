SELECT
    g.graph,
    g.method,
    s.label AS sae_name,
    g.feature,
    g.text,
    g.tokens,
    g.first_position,
    g.position,
    g.node_threshold,
    g.edge_threshold,
    g.left_out,
    g.nodes,
    g.edges,
    g.clean_value,
    g.circuit_value,
    g.empty_value,
    g.rest_value,
    g.faithfulness,
    g.completeness,
    g.agreement,
    m.name AS model
FROM graph AS g
JOIN model AS m ON m.model = g.model
LEFT JOIN sae AS s ON s.sae = g.sae
WHERE g.graph = :graph
