-- title: Features that mean one thing, by several kinds of evidence
-- description: Features that pass every threshold whose figure is known: q, AUROC, lift, rate on control tokens and word_lift (what its words give) on the discovery half; AUROC and F1 on the other; AUROC against each control domain, one token's share and marked terms on all. Lift is density on positive over control tokens, with intervals by group. The query funnel counts what each leaves; there is no score.
-- database: atlas
-- param contrast: VARCHAR = ''  -- name of the contrast; empty: the first
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: all of them
-- param max_q: DOUBLE = 0.05  -- largest q on the discovery half
-- param min_auroc: DOUBLE = 0.65  -- smallest AUROC on the discovery half
-- param min_confirmed: DOUBLE = 0.6  -- smallest AUROC on the confirmation half
-- param min_f1: DOUBLE = 0  -- smallest F1 on the confirmation half
-- param min_domain_auroc: DOUBLE = 0.5  -- smallest AUROC against any one control domain
-- param min_lift: DOUBLE = 3  -- smallest lift on discovery tokens
-- param max_control: DOUBLE = 0.02  -- largest share of the control tokens of the discovery half on which it fires
-- param min_word_lift: DOUBLE = 2  -- smallest lift that follows from its words, on the discovery half
-- param max_top_token: DOUBLE = 0.5  -- largest share of its active tokens that are one token
-- param min_coverage: DOUBLE = 0.2  -- smallest share of the concept's marked terms on which it fires
-- param limit: INTEGER = 40  -- most rows shown
WITH chosen AS (
    SELECT
        sc.contrast,
        sc.sae,
        s.tokenization,
        s.label AS name
    FROM sae_contrast AS sc
    JOIN contrast AS c ON c.contrast = sc.contrast
    JOIN sae AS s ON s.sae = sc.sae
    WHERE (c.name = :contrast OR (:contrast = '' AND c.contrast = (SELECT MIN(contrast) FROM contrast)))
        AND :sae IN ('', s.label, s.pinned)
),
domain AS (
    SELECT
        d.contrast,
        d.sae,
        d.feature,
        MIN(d.auroc) AS auroc,
        SUM(CASE WHEN d.fires > 0 THEN 1 ELSE 0 END) AS fires,
        COUNT(*) AS domains
    FROM chosen AS k
    JOIN feature_domain AS d ON d.contrast = k.contrast AND d.sae = k.sae
    GROUP BY d.contrast, d.sae, d.feature
)
SELECT
    k.name AS sae,
    f.feature,
    v.text AS top_token,
    n.auroc AS auroc_confirmed,
    n.auroc_low,
    n.auroc_high,
    j.lift AS lift_confirmed,
    j.lift_low,
    j.lift_high,
    a.density_positive,
    a.density_control,
    a.mass_share,
    a.word_lift,
    n.precision,
    n.recall,
    n.f1,
    n.probe_f1,
    e.term_coverage,
    e.top_token_share,
    e.type_share,
    e.token_entropy,
    e.document_entropy,
    d.auroc AS worst_domain_auroc,
    CAST(d.fires AS BIGINT) AS domains_fired_in,
    d.domains,
    p.share_higher AS matched_share,
    p.q AS matched_q,
    c.q,
    c.family_p,
    f.logit_std,
    f.logit_skewness,
    f.logit_kurtosis
FROM chosen AS k
JOIN feature_contrast AS c ON c.contrast = k.contrast AND c.sae = k.sae
JOIN feature AS f ON f.sae = c.sae AND f.feature = c.feature
JOIN feature_confirmation AS n ON n.contrast = c.contrast AND n.sae = c.sae AND n.feature = c.feature
JOIN feature_lift AS a ON a.contrast = c.contrast AND a.sae = c.sae AND a.feature = c.feature AND a.part = 'all'
JOIN feature_lift AS l
    ON l.contrast = c.contrast AND l.sae = c.sae AND l.feature = c.feature AND l.part = 'discovery'
JOIN feature_lift AS j
    ON j.contrast = c.contrast AND j.sae = c.sae AND j.feature = c.feature AND j.part = 'confirmation'
LEFT JOIN feature_evidence AS e ON e.contrast = c.contrast AND e.sae = c.sae AND e.feature = c.feature
LEFT JOIN domain AS d ON d.contrast = c.contrast AND d.sae = c.sae AND d.feature = c.feature
LEFT JOIN feature_pair AS p ON p.contrast = c.contrast AND p.sae = c.sae AND p.feature = c.feature
LEFT JOIN vocabulary AS v ON v.tokenization = k.tokenization AND v.token_id = e.top_token
WHERE COALESCE(n.q_discovery, c.q) <= CAST(:max_q AS DOUBLE)
    AND COALESCE(n.auroc_discovery, c.auroc) > 0.5
    AND COALESCE(n.auroc_discovery, c.auroc) >= CAST(:min_auroc AS DOUBLE)
    AND COALESCE(n.auroc, 1.0) >= CAST(:min_confirmed AS DOUBLE)
    AND COALESCE(n.f1, 1.0) >= CAST(:min_f1 AS DOUBLE)
    AND COALESCE(d.auroc, 1.0) >= CAST(:min_domain_auroc AS DOUBLE)
    AND (l.lift >= CAST(:min_lift AS DOUBLE) OR l.lift IS NULL)
    AND COALESCE(l.density_control, 0.0) <= CAST(:max_control AS DOUBLE)
    AND (l.word_lift >= CAST(:min_word_lift AS DOUBLE) OR l.word_lift IS NULL)
    AND COALESCE(e.top_token_share, 0.0) <= CAST(:max_top_token AS DOUBLE)
    AND COALESCE(e.term_coverage, 1.0) >= CAST(:min_coverage AS DOUBLE)
ORDER BY COALESCE(l.word_lift_low, l.word_lift) DESC NULLS LAST, n.auroc_discovery DESC, c.sae, c.feature
LIMIT :limit
