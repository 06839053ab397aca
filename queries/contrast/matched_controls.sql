-- title: Matched against unmatched controls
-- description: The same features judged twice: against all control documents, and within pairs that share a sentence template. Where a template's sentences differ in the concept only, a feature that follows length, syntax or punctuation does no better than one half on the right. matched_share is the chance that a template's positive documents outrank its control ones.
-- database: atlas
-- param contrast: VARCHAR = ''  -- name of the contrast; empty: the first
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: all of them
-- param max_q: DOUBLE = 0.05  -- largest q against all controls
-- param limit: INTEGER = 40  -- most rows shown
SELECT
    s.label AS sae,
    fc.feature,
    fc.auroc,
    fc.q,
    p.share_higher AS matched_share,
    p.higher,
    p.lower,
    sc.pairs - p.higher - p.lower AS alike,
    p.p AS matched_p,
    p.q AS matched_q,
    CASE
        WHEN p.q IS NULL THEN 'too few pairs differ'
        WHEN p.q <= CAST(:max_q AS DOUBLE) AND p.share_higher > 0.5 THEN 'holds on pairs'
        ELSE 'not on pairs'
    END AS verdict
FROM feature_contrast AS fc
JOIN contrast AS c ON c.contrast = fc.contrast
JOIN sae_contrast AS sc ON sc.contrast = fc.contrast AND sc.sae = fc.sae
JOIN sae AS s ON s.sae = fc.sae
LEFT JOIN feature_pair AS p ON p.contrast = fc.contrast AND p.sae = fc.sae AND p.feature = fc.feature
WHERE (c.name = :contrast OR (:contrast = '' AND c.contrast = (SELECT MIN(contrast) FROM contrast)))
    AND :sae IN ('', s.label, s.pinned)
    AND fc.q <= CAST(:max_q AS DOUBLE)
    AND fc.auroc > 0.5
ORDER BY fc.auroc DESC, fc.p, fc.sae, fc.feature
LIMIT :limit
