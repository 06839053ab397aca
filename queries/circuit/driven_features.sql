-- title: What a feature drives, from SAE to SAE
-- description: Features of the next SAE, and next tokens, that an edge of a pruned graph leads to from a feature: in how many graphs by exact ablation, and how far the activation or the logit falls when the feature is taken out of the run at the one position where that matters most, a mean over those graphs. Where a graph leads to a feature, only what leads on to it is there.
-- database: atlas
-- param feature: INTEGER  -- zero-based index of the feature that drives
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: the one that has read most documents
-- param limit: INTEGER = 40  -- most rows shown
WITH chosen AS (
    -- part: first_sae_asked
),
driven AS (
    SELECT
        e.graph,
        other.sae,
        other.feature,
        other.token,
        CASE WHEN MAX(e.weight) >= -MIN(e.weight) THEN MAX(e.weight) ELSE MIN(e.weight) END AS weight,
        MAX(other.activation) AS activation
    FROM chosen
    JOIN graph_node AS n ON n.sae = chosen.sae AND n.feature = :feature
    JOIN graph AS g ON g.graph = n.graph AND g.method = 'ablation'
    JOIN graph_edge AS e ON e.graph = n.graph AND e.source = n.node
    JOIN graph_node AS other ON other.graph = e.graph AND other.node = e.target
    GROUP BY e.graph, other.sae, other.feature, other.token
)
SELECT
    s.label AS driven_sae,
    driven.feature AS driven_feature,
    driven.token AS driven_token,
    COUNT(*) AS graphs,
    AVG(driven.weight) AS mean_effect,
    AVG(driven.activation) AS mean_activation
FROM driven
LEFT JOIN sae AS s ON s.sae = driven.sae
GROUP BY s.label, s.ordinal, driven.feature, driven.token
ORDER BY graphs DESC, ABS(AVG(driven.weight)) DESC, s.ordinal, driven.feature, driven.token
LIMIT :limit
