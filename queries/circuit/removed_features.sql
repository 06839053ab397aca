-- title: What removing a feature does to the loss
-- description: Each removed feature: by how much the loss rises without it on the documents it is held to be about and on control documents (nats a token), the difference with its paired interval by group, and its rank among random features of like density, 1 where removing none of them makes as much of a difference.
-- database: atlas
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: the one that has read most documents
-- param limit: INTEGER = 40  -- most rows shown
WITH chosen AS (
    -- part: first_sae_asked
)
SELECT
    chosen.name AS sae,
    a.feature,
    a.positive,
    a.control,
    p.documents AS documents_positive,
    c.documents AS documents_control,
    p.loss AS loss_positive,
    c.loss AS loss_control,
    p.rise AS rise_positive,
    p.rise_low AS rise_positive_low,
    p.rise_high AS rise_positive_high,
    c.rise AS rise_control,
    a.difference,
    a.difference_low,
    a.difference_high,
    a.difference_rank,
    a.random_features
FROM chosen
JOIN ablation AS a ON a.sae = chosen.sae
JOIN ablation_effect AS p ON p.ablation = a.ablation AND p.random = 0 AND p.side = 'positive'
JOIN ablation_effect AS c ON c.ablation = a.ablation AND c.random = 0 AND c.side = 'control'
ORDER BY a.difference DESC, a.ablation
LIMIT :limit
