-- title: Graphs between SAEs
-- description: Prompts whose features were traced from SAE to SAE, as far as a feature or the next tokens: how much of the target the kept nodes bring alone (faithfulness), how much is left without them (completeness, 0 where nothing that matters is left out), and how far edges by gradients agree with exact ones.
-- database: atlas
-- param to_feature: INTEGER = -1  -- graphs that lead to this feature; -1: all
-- param sae: VARCHAR = ''  -- SAE of the target, spelled release/sae_id or release/sae_id@hash; empty: all, and next tokens
-- param method: VARCHAR = ''  -- ablation, gradient or integrated; empty: all
-- param limit: INTEGER = 40  -- most rows shown
SELECT
    g.graph,
    s.label AS sae,
    g.feature,
    targets.tokens AS next_tokens,
    g.method,
    g.text AS prompt,
    g.clean_value,
    g.faithfulness,
    g.completeness,
    g.agreement,
    g.nodes,
    targets.kept_nodes,
    g.edges,
    left_edges.kept_edges
FROM graph AS g
JOIN (
    SELECT
        graph,
        CAST(SUM(CASE WHEN kept THEN 1 ELSE 0 END) AS INTEGER) AS kept_nodes,
        CAST(SUM(CASE WHEN kind = 'logit' THEN 1 ELSE 0 END) AS INTEGER) AS tokens
    FROM graph_node
    GROUP BY graph
) AS targets ON targets.graph = g.graph
LEFT JOIN (
    SELECT
        graph,
        COUNT(*) AS kept_edges
    FROM graph_edge
    GROUP BY graph
) AS left_edges ON left_edges.graph = g.graph
LEFT JOIN sae AS s ON s.sae = g.sae
WHERE :to_feature IN (-1, g.feature)
    AND :sae IN ('', s.label, s.pinned)
    AND :method IN ('', g.method)
ORDER BY g.graph DESC
LIMIT :limit
