-- title: Features that write in nearly the same direction
-- description: The features of the same SAE whose decoder directions are nearest to a given one's, by cosine, with the tokens that they raise. Near 1 they write the same; near 0 neither writes along the other.
-- database: atlas
-- param feature: INTEGER  -- zero-based index of the feature
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: the first in the atlas
-- param limit: INTEGER = 10  -- most rows shown
WITH chosen AS (
    SELECT
        sae,
        label AS name
    FROM sae
    WHERE :sae IN ('', label, pinned)
    ORDER BY ordinal
    LIMIT 1
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
JOIN feature_neighbour AS n ON n.sae = chosen.sae
JOIN feature AS f ON f.sae = n.sae AND f.feature = n.other_feature
WHERE n.feature = :feature
ORDER BY n.rank
LIMIT :limit
