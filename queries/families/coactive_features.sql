-- title: Features that share the tokens of a feature
-- description: The ten features of the same SAE with the largest overlap of tokens, counted over every token it has read: tokens on which both fire over those on which either does. Lift is how many times more often they fire together than if each fired by itself; its log2 is PMI.
-- database: atlas
-- param feature: INTEGER  -- zero-based index of the feature
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: the one that has read most documents
WITH chosen AS (
    -- part: first_sae_asked
)
SELECT
    chosen.name AS sae,
    n.feature,
    n.rank,
    n.other_feature,
    n.jaccard,
    n.lift,
    n.tokens_both,
    d.cosine,
    (f.top_logits ->> '$[0][0]')
        || COALESCE(' | ' || (f.top_logits ->> '$[1][0]'), '')
        || COALESCE(' | ' || (f.top_logits ->> '$[2][0]'), '') AS raises
FROM chosen
JOIN feature_coactivation AS n ON n.sae = chosen.sae
JOIN feature AS f ON f.sae = n.sae AND f.feature = n.other_feature
LEFT JOIN feature_neighbour AS d
    ON d.sae = n.sae AND d.feature = n.feature AND d.other_feature = n.other_feature
WHERE n.feature = :feature
ORDER BY n.rank
