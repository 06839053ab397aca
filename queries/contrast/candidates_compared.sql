-- title: The candidates as printed and as corrected, side by side
-- description: Left, the list that the study's method prints: BOS counted, largest differences within two standard deviations, numbered from one. Right, place by place, what replaces it: features with q below the limit that favour the positive documents, by AUROC. The columns say whether the printed one survives, and where the corrected one stood in print.
-- database: atlas
-- param contrast: VARCHAR = ''  -- name of the contrast; empty: the first
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: the first of the contrast
-- param max_q: DOUBLE = 0.05  -- largest q of a corrected candidate
-- param limit: INTEGER = 40  -- most places shown
WITH chosen AS (
    -- part: first_result_asked
),
printed AS (
    -- part: study_printed
),
corrected AS (
    SELECT
        fc.*,
        ROW_NUMBER() OVER (ORDER BY fc.auroc DESC, fc.p, fc.feature) AS place
    FROM chosen
    JOIN feature_contrast AS fc ON fc.contrast = chosen.contrast AND fc.sae = chosen.sae
    WHERE fc.q <= CAST(:max_q AS DOUBLE)
        AND fc.auroc > 0.5
),
place AS (
    SELECT place FROM printed
    UNION
    SELECT place FROM corrected
)
SELECT
    place.place,
    chosen.name AS sae,
    p.feature + 1 AS printed_number,
    p.feature AS printed_feature,
    p.study_difference,
    p.auroc AS printed_auroc,
    p.q AS printed_q,
    CASE
        WHEN p.feature IS NULL THEN NULL
        WHEN p.q IS NULL AND p.fires_positive + p.fires_control >= 5 THEN 'to be computed again'
        WHEN p.q IS NULL THEN 'fires too rarely to test'
        WHEN p.q > CAST(:max_q AS DOUBLE) THEN 'not told from chance'
        WHEN p.auroc <= 0.5 THEN 'favours the controls'
        ELSE 'survives'
    END AS verdict,
    k.feature AS corrected_feature,
    k.auroc AS corrected_auroc,
    k.q AS corrected_q,
    other.place AS corrected_place_in_print
FROM place
CROSS JOIN chosen
LEFT JOIN printed AS p ON p.place = place.place
LEFT JOIN corrected AS k ON k.place = place.place
LEFT JOIN printed AS other ON other.feature = k.feature
ORDER BY place.place
LIMIT :limit
