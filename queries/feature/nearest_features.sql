-- title: Features that write nearly alike, or in opposition
-- description: The features of the same SAE whose decoder directions are nearest to a given one's, by cosine, with the tokens that they raise. Near 1 they write the same; near 0 neither writes along the other. Or those most opposite: near -1 the one takes back what the other writes.
-- database: atlas
-- param feature: INTEGER  -- zero-based index of the feature
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: the one that has read most documents
-- param direction: VARCHAR = 'nearest'  -- nearest or opposite
-- param limit: INTEGER = 10  -- most rows shown
WITH chosen AS (
    -- part: first_sae_asked
),
near AS (
    SELECT
        'nearest' AS direction,
        feature_neighbour.*
    FROM feature_neighbour
    UNION ALL
    SELECT
        'opposite' AS direction,
        feature_opposite.*
    FROM feature_opposite
)
SELECT
    chosen.name AS sae,
    n.feature,
    n.rank,
    n.other_feature,
    n.cosine,
    (f.top_logits ->> '$[0][0]')
        || COALESCE(' | ' || (f.top_logits ->> '$[1][0]'), '')
        || COALESCE(' | ' || (f.top_logits ->> '$[2][0]'), '') AS raises,
    f.log_sparsity
FROM chosen
JOIN near AS n ON n.sae = chosen.sae AND n.direction = :direction
JOIN feature AS f ON f.sae = n.sae AND f.feature = n.other_feature
WHERE n.feature = :feature
ORDER BY n.rank
LIMIT :limit
