-- title: Where one pair's difference is carried, layer by position
-- description: Every exchanged value of one kind in one pair of prompts, exact and as gradients estimate it; effects are 0 for the corrupted and 1 for the clean prompt. Rows without a position exchange every position at once.
-- database: atlas
-- param patch_pair: INTEGER = 0  -- number of the pair, from `patched_pairs`
-- param kind: VARCHAR = 'resid_pre'  -- resid_pre, z (heads), attn_out, mlp_out or feature; empty: all
-- param limit: INTEGER = 1000  -- most rows shown
SELECT
    e.kind,
    e.layer,
    e.head,
    s.label AS sae,
    e.feature,
    e.position,
    e.denoised,
    e.denoised_estimate,
    e.denoised_effect,
    e.noised,
    e.noised_estimate,
    e.noised_effect
FROM patch_effect AS e
LEFT JOIN sae AS s ON s.sae = e.sae
WHERE e.patch_pair = :patch_pair
    AND (:kind = '' OR e.kind = :kind)
ORDER BY e.site
LIMIT :limit
