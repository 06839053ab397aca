-- title: The study's own list of candidates
-- description: The method of the study as it was printed, with its faults: means that count the BOS position, a positive difference within two standard deviations of the others, the largest 40, no correction for chance. The study counted features from one, so it would print printed_number where the SAE's own index is feature. AUROC and q stand beside it for comparison.
-- database: atlas
-- param contrast: VARCHAR = ''  -- name of the contrast; empty: the first
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: the first of the contrast
-- param limit: INTEGER = 40  -- most rows shown
WITH chosen AS (
    SELECT
        c.contrast,
        s.sae,
        s.tokenization,
        s.label AS name
    FROM sae_contrast AS sc
    JOIN contrast AS c ON c.contrast = sc.contrast
    JOIN sae AS s ON s.sae = sc.sae
    WHERE (c.name = :contrast OR (:contrast = '' AND c.contrast = (SELECT MIN(contrast) FROM contrast)))
        AND :sae IN ('', s.label, s.pinned)
    ORDER BY s.ordinal
    LIMIT 1
),
ranked AS (
    SELECT
        fc.*,
        chosen.name,
        chosen.tokenization,
        ROW_NUMBER() OVER (ORDER BY fc.study_difference DESC, fc.feature) AS place
    FROM chosen
    JOIN feature_contrast AS fc ON fc.contrast = chosen.contrast AND fc.sae = chosen.sae
    WHERE fc.study_kept
        AND fc.study_difference > 0
    ORDER BY place
    LIMIT :limit
)
SELECT
    r.place,
    r.name AS sae,
    r.feature,
    r.feature + 1 AS printed_number,
    r.study_positive,
    r.study_control,
    r.study_difference,
    r.mean_difference AS difference_without_bos,
    r.auroc,
    r.q,
    (
        SELECT v.text
        FROM feature_top_token AS t
        JOIN vocabulary AS v ON v.tokenization = r.tokenization AND v.token_id = t.token_id
        WHERE t.sae = r.sae
            AND t.feature = r.feature
            AND t.rank = 1
    ) AS top_token
FROM ranked AS r
ORDER BY r.place
