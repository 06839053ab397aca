-- title: Heads, attentions and MLPs that matter to a feature
-- description: What each part of the model carries at every position, over all patched pairs: the share of the difference that its clean value brings into the corrupted run (denoised), and that its corrupted value takes from the clean run (noised). Pairs count by how far apart they are. One that brings 0 is not enough by itself: see what it takes; heads overlap, so that shares need not add up to 1.
-- database: atlas
-- param feature: INTEGER  -- zero-based index of the feature
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: the one that has read most documents
-- param kind: VARCHAR = ''  -- z (heads), attn_out, mlp_out or resid_pre; empty: all
-- param limit: INTEGER = 40  -- most rows shown
WITH chosen AS (
    -- part: first_sae_asked
)
SELECT
    e.kind,
    e.layer,
    e.head,
    -- part: effect_over_pairs
FROM chosen
JOIN patch_pair AS p ON p.sae = chosen.sae AND p.feature = :feature
JOIN patch_effect AS e ON e.patch_pair = p.patch_pair
WHERE e.position IS NULL
    AND e.denoised_effect IS NOT NULL
    AND (:kind = '' OR e.kind = :kind)
GROUP BY e.kind, e.layer, e.head
ORDER BY denoised DESC, e.kind, e.layer, e.head
LIMIT :limit
