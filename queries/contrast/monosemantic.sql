-- title: Features that mean one thing, by several kinds of evidence
-- description: Features that pass every threshold: found on all documents, confirmed on the half that did not choose them, firing on many terms of the concept and not on one token only, silent in every control domain. There is no score; each column can be sorted by. family_p is the chance that any feature does as well under shuffled labels (NULL without --null).
-- database: atlas
-- param contrast: VARCHAR = ''  -- name of the contrast; empty: the first
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: all of them
-- param max_q: DOUBLE = 0.05  -- largest q on all documents
-- param min_auroc: DOUBLE = 0.7  -- smallest AUROC on the confirmation half
-- param min_f1: DOUBLE = 0.5  -- smallest F1 on the confirmation half
-- param min_coverage: DOUBLE = 0.2  -- smallest share of the concept's terms on which it fires; 0 where no term is marked
-- param max_top_token: DOUBLE = 0.5  -- largest share of its active tokens that are one token
-- param min_domain_auroc: DOUBLE = 0.6  -- smallest AUROC against any one control domain
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
    n.precision,
    n.recall,
    n.f1,
    n.probe_f1,
    e.term_coverage,
    e.top_token_share,
    e.token_entropy,
    e.document_entropy,
    d.auroc AS worst_domain_auroc,
    CAST(d.fires AS BIGINT) AS domains_fired_in,
    d.domains,
    p.share_higher AS matched_share,
    p.q AS matched_q,
    c.q,
    (
        SELECT (1.0 + SUM(CASE WHEN u.min_p <= c.p THEN 1 ELSE 0 END)) / (1 + COUNT(*))
        FROM contrast_null AS u
        WHERE u.contrast = c.contrast
            AND u.sae = c.sae
    ) AS family_p,
    f.logit_std,
    f.logit_skewness,
    f.logit_kurtosis
FROM chosen AS k
JOIN feature_contrast AS c ON c.contrast = k.contrast AND c.sae = k.sae
JOIN feature AS f ON f.sae = c.sae AND f.feature = c.feature
JOIN feature_confirmation AS n ON n.contrast = c.contrast AND n.sae = c.sae AND n.feature = c.feature
JOIN feature_evidence AS e ON e.contrast = c.contrast AND e.sae = c.sae AND e.feature = c.feature
JOIN domain AS d ON d.contrast = c.contrast AND d.sae = c.sae AND d.feature = c.feature
LEFT JOIN feature_pair AS p ON p.contrast = c.contrast AND p.sae = c.sae AND p.feature = c.feature
LEFT JOIN vocabulary AS v ON v.tokenization = k.tokenization AND v.token_id = e.top_token
WHERE c.q <= CAST(:max_q AS DOUBLE)
    AND n.auroc >= CAST(:min_auroc AS DOUBLE)
    AND n.f1 >= CAST(:min_f1 AS DOUBLE)
    AND COALESCE(e.term_coverage, 0.0) >= CAST(:min_coverage AS DOUBLE)
    AND e.top_token_share <= CAST(:max_top_token AS DOUBLE)
    AND d.auroc >= CAST(:min_domain_auroc AS DOUBLE)
ORDER BY n.auroc DESC, n.f1 DESC, c.sae, c.feature
LIMIT :limit
