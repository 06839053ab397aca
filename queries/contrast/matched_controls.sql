-- title: Matched against unmatched controls
-- description: The same features judged twice: against all control documents, and within pairs that share a sentence template. Where a template's sentences differ in the concept only, a feature that follows length, syntax or punctuation does no better than one half on the right. matched_share is the chance that a template's positive documents outrank its control ones; matched_p is of groups' mean differences.
-- database: atlas
-- param contrast: VARCHAR = ''  -- name of the contrast; empty: the first
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: all of them
-- param max_q: DOUBLE = 0.05  -- largest q against all controls
-- param limit: INTEGER = 40  -- most rows shown
WITH chosen AS (
    -- part: every_result_asked
)
SELECT
    k.name AS sae,
    fc.feature,
    fc.auroc,
    fc.q,
    p.share_higher AS matched_share,
    p.higher,
    p.lower,
    k.pairs - p.higher - p.lower AS alike,
    p.p AS matched_p,
    p.q AS matched_q,
    CASE
        WHEN p.q IS NULL THEN 'too few pairs differ'
        WHEN p.q <= CAST(:max_q AS DOUBLE) AND p.share_higher > 0.5 THEN 'holds on pairs'
        ELSE 'not on pairs'
    END AS verdict
FROM feature_contrast AS fc
JOIN chosen AS k ON k.contrast = fc.contrast AND k.sae = fc.sae
LEFT JOIN feature_pair AS p ON p.contrast = fc.contrast AND p.sae = fc.sae AND p.feature = fc.feature
WHERE fc.q <= CAST(:max_q AS DOUBLE)
    AND fc.auroc > 0.5
ORDER BY fc.auroc DESC, fc.p, fc.sae, fc.feature
LIMIT :limit
