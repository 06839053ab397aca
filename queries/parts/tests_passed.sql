-- Which of the tests of a feature that means one thing each feature in `chosen` passes, 1 or 0: a figure that is not
-- known passes, but for a q: where there are two halves, one that could not be tested on the first of them is not found.
-- Beside them, the control domain that it tells apart worst, and in how many of them it fires.
SELECT
    c.contrast,
    c.sae,
    c.feature,
    CASE WHEN c.q IS NOT NULL THEN 1 ELSE 0 END AS tested,
    CASE
        WHEN CASE WHEN n.auroc_discovery IS NULL THEN c.q ELSE n.q_discovery END <= CAST(:max_q AS DOUBLE)
            AND COALESCE(n.auroc_discovery, c.auroc) > 0.5
            THEN 1
        ELSE 0
    END AS at_q,
    CASE WHEN COALESCE(n.auroc_discovery, c.auroc) >= CAST(:min_auroc AS DOUBLE) THEN 1 ELSE 0 END AS found,
    CASE
        WHEN COALESCE(n.auroc, 1.0) >= CAST(:min_confirmed AS DOUBLE)
            AND COALESCE(n.f1, 1.0) >= CAST(:min_f1 AS DOUBLE)
            THEN 1
        ELSE 0
    END AS confirmed,
    CASE WHEN COALESCE(d.auroc, 1.0) >= CAST(:min_domain_auroc AS DOUBLE) THEN 1 ELSE 0 END AS against_each,
    CASE
        WHEN (l.lift >= CAST(:min_lift AS DOUBLE) OR l.lift IS NULL)
            AND COALESCE(l.density_control, 0.0) <= CAST(:max_control AS DOUBLE)
            THEN 1
        ELSE 0
    END AS rare,
    CASE WHEN l.word_lift >= CAST(:min_word_lift AS DOUBLE) OR l.word_lift IS NULL THEN 1 ELSE 0 END AS own_words,
    CASE WHEN COALESCE(e.top_token_share, 0.0) <= CAST(:max_top_token AS DOUBLE) THEN 1 ELSE 0 END AS words,
    CASE WHEN COALESCE(e.term_coverage, 1.0) >= CAST(:min_coverage AS DOUBLE) THEN 1 ELSE 0 END AS terms,
    d.auroc AS worst_domain_auroc,
    d.fires AS domains_fired_in,
    d.domains
FROM chosen AS k
JOIN feature_contrast AS c ON c.contrast = k.contrast AND c.sae = k.sae
LEFT JOIN feature_confirmation AS n ON n.contrast = c.contrast AND n.sae = c.sae AND n.feature = c.feature
LEFT JOIN feature_lift AS l
    ON l.contrast = c.contrast AND l.sae = c.sae AND l.feature = c.feature AND l.part = 'discovery'
LEFT JOIN feature_evidence AS e ON e.contrast = c.contrast AND e.sae = c.sae AND e.feature = c.feature
LEFT JOIN (
    SELECT
        contrast,
        sae,
        feature,
        MIN(auroc) AS auroc,
        SUM(CASE WHEN fires > 0 THEN 1 ELSE 0 END) AS fires,
        COUNT(*) AS domains
    FROM feature_domain
    GROUP BY contrast, sae, feature
) AS d ON d.contrast = c.contrast AND d.sae = c.sae AND d.feature = c.feature
