WITH ranked AS (
    SELECT
        c.*,
        n.place_discovery
    FROM feature_confirmation AS n
    JOIN feature_contrast AS c ON c.contrast = n.contrast AND c.sae = n.sae AND c.feature = n.feature
    WHERE n.contrast = :contrast
        AND n.sae = :sae
    ORDER BY n.place_discovery
    LIMIT :limit
),
spelled AS (
    SELECT
        r.feature,
        MAX(CASE WHEN t.rank = 1 THEN v.text END) AS token_1,
        MAX(CASE WHEN t.rank = 2 THEN v.text END) AS token_2,
        MAX(CASE WHEN t.rank = 3 THEN v.text END) AS token_3
    FROM ranked AS r
    CROSS JOIN feature_top_token AS t ON t.sae = :sae AND t.feature = r.feature
    JOIN vocabulary AS v ON v.tokenization = :tokenization AND v.token_id = t.token_id
    WHERE t.rank <= 3
    GROUP BY r.feature
)
SELECT
    r.feature,
    r.auroc,
    r.auroc_length,
    r.p,
    r.q,
    r.family_p,
    r.fires_positive,
    r.fires_control,
    r.mean_positive,
    r.mean_control,
    r.study_kept,
    n.auroc AS auroc_confirmation,
    n.auroc_low,
    n.auroc_high,
    n.f1,
    m.share_higher AS matched_share,
    m.q AS matched_q,
    e.top_token_share,
    e.term_coverage,
    j.lift,
    j.lift_low,
    j.lift_high,
    j.density_control,
    w.token_1,
    w.token_2,
    w.token_3
FROM ranked AS r
LEFT JOIN feature_confirmation AS n ON n.contrast = r.contrast AND n.sae = r.sae AND n.feature = r.feature
LEFT JOIN feature_pair AS m ON m.contrast = r.contrast AND m.sae = r.sae AND m.feature = r.feature
LEFT JOIN feature_evidence AS e ON e.contrast = r.contrast AND e.sae = r.sae AND e.feature = r.feature
LEFT JOIN feature_lift AS j
    ON j.contrast = r.contrast AND j.sae = r.sae AND j.feature = r.feature AND j.part = 'confirmation'
LEFT JOIN spelled AS w ON w.feature = r.feature
ORDER BY r.place_discovery
