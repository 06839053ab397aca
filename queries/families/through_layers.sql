-- title: One feature through the layers
-- description: Follows a feature from SAE to SAE of its model, up and down by layer, each step to the best match in the nearest layer that was compared. It goes on while the match is at least as alike as asked; chance is the 95th percentile of best matches where nothing matches. Step 0 is the feature itself.
-- database: atlas
-- param feature: INTEGER  -- zero-based index of the feature
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: the one that has read most documents
-- param measure: VARCHAR = 'correlation'  -- what a match goes by: correlation or cosine
-- param least: DOUBLE = 0.3  -- least correlation or cosine of a step
WITH RECURSIVE chosen AS (
    -- part: first_sae_asked
),
compared AS (
    SELECT
        m.sae,
        m.other_sae,
        there.hook_layer AS layer,
        CASE :measure WHEN 'cosine' THEN m.chance_cosine ELSE m.chance_correlation END AS chance,
        CASE WHEN there.hook_layer > own.hook_layer THEN 1 ELSE -1 END AS way,
        ROW_NUMBER() OVER (
            PARTITION BY m.sae, there.hook_layer > own.hook_layer
            ORDER BY ABS(there.hook_layer - own.hook_layer), there.ordinal
        ) AS nearest
    FROM sae_match AS m
    JOIN sae AS own ON own.sae = m.sae
    JOIN sae AS there ON there.sae = m.other_sae
    WHERE there.hook_layer <> own.hook_layer
),
line AS (
    SELECT
        0 AS step,
        0 AS way,
        chosen.sae,
        CAST(:feature AS INTEGER) AS feature,
        chosen.hook_layer AS layer,
        CAST(NULL AS DOUBLE) AS cosine,
        CAST(NULL AS DOUBLE) AS correlation,
        CAST(NULL AS DOUBLE) AS chance,
        CAST(NULL AS BOOLEAN) AS mutual
    FROM chosen
    UNION ALL
    SELECT
        line.step + n.way,
        n.way,
        m.other_sae,
        m.other_feature,
        n.layer,
        m.cosine,
        m.correlation,
        n.chance,
        m.mutual
    FROM line
    JOIN compared AS n ON n.sae = line.sae
    JOIN feature_match AS m ON m.sae = line.sae AND m.feature = line.feature AND m.other_sae = n.other_sae
    WHERE n.nearest = 1
        AND line.way IN (0, n.way)
        AND m.measure = :measure
        AND m.rank = 1
        AND CASE m.measure WHEN 'cosine' THEN m.cosine ELSE m.correlation END >= CAST(:least AS DOUBLE)
)
SELECT
    line.step,
    line.layer,
    s.label AS sae,
    line.feature,
    line.cosine,
    line.correlation,
    line.chance,
    line.mutual,
    (f.top_logits ->> '$[0][0]')
        || COALESCE(' | ' || (f.top_logits ->> '$[1][0]'), '')
        || COALESCE(' | ' || (f.top_logits ->> '$[2][0]'), '') AS raises
FROM line
JOIN sae AS s ON s.sae = line.sae
JOIN feature AS f ON f.sae = line.sae AND f.feature = line.feature
ORDER BY line.step
