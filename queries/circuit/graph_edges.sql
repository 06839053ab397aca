-- title: Edges of a graph
-- description: What is left of one graph, edge by edge, the strongest first: from a token, a feature or an SAE's error to a feature or a next token, and how far that falls without it.
-- database: atlas
-- param graph: INTEGER = 0  -- key of the graph, from `graphs`
-- param limit: INTEGER = 100  -- most rows shown
SELECT
    n.kind AS source_kind,
    s.label AS source_sae,
    n.feature AS source_feature,
    n.token AS source_token,
    n.position AS source_position,
    other.kind AS target_kind,
    t.label AS target_sae,
    other.feature AS target_feature,
    other.token AS target_token,
    other.position AS target_position,
    e.weight
FROM graph_edge AS e
JOIN graph_node AS n ON n.graph = e.graph AND n.node = e.source
JOIN graph_node AS other ON other.graph = e.graph AND other.node = e.target
LEFT JOIN sae AS s ON s.sae = n.sae
LEFT JOIN sae AS t ON t.sae = other.sae
WHERE e.graph = :graph
ORDER BY ABS(e.weight) DESC, e.source, e.target
LIMIT :limit
