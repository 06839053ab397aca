-- title: Pairs of prompts whose values were exchanged
-- description: A pair a row, those furthest apart first: what a feature reads on the clean and on the corrupted prompt, and how far gradients rank single sites as the exact exchange does (Spearman, both ways). Its number is what `patch_map` takes.
-- database: atlas
-- param feature: INTEGER  -- zero-based index of the feature
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: the one that has read most documents
-- param limit: INTEGER = 40  -- most rows shown
WITH chosen AS (
    -- part: first_sae_asked
)
SELECT
    p.patch_pair,
    p.clean_text,
    p.corrupted_text,
    p.position,
    p.clean_value,
    p.corrupted_value,
    p.denoised_agreement,
    p.noised_agreement,
    p.template
FROM chosen
JOIN patch_pair AS p ON p.sae = chosen.sae AND p.feature = :feature
ORDER BY ABS(p.clean_value - p.corrupted_value) DESC, p.patch_pair
LIMIT :limit
