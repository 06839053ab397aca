-- title: The study's list: printed, computed here, and corrected
-- description: Left, what the study printed, where it is of this SAE: numbers from one, means of means with BOS counted. Then the list that the same method makes here, under the study's processing of the model, with AUROC and q, which leave BOS out. Right, what replaces it: features at q below the limit that favour the positive prompts, by AUROC, zero-based, with p at like length and pairs of one template.
-- database: atlas
-- param contrast: VARCHAR = ''  -- name of the reproduced contrast; empty: the first
-- param sae: VARCHAR = ''  -- SAE that was measured, spelled release/sae_id or release/sae_id@hash; empty: the first of the contrast
-- param max_q: DOUBLE = 0.05  -- largest q of a corrected candidate
-- param limit: INTEGER = 40  -- most places shown
WITH asked AS (
    -- part: reproduction_asked
),
made AS (
    SELECT f.*
    FROM asked
    JOIN reproduction_feature AS f ON f.contrast = asked.contrast AND f.sae = asked.sae
),
corrected AS (
    SELECT
        fc.*,
        ROW_NUMBER() OVER (ORDER BY fc.auroc DESC, fc.p, fc.feature) AS place
    FROM asked
    JOIN feature_contrast AS fc ON fc.contrast = asked.contrast AND fc.sae = asked.sae
    WHERE fc.q <= CAST(:max_q AS DOUBLE)
        AND fc.auroc > 0.5
),
place AS (
    SELECT printed_place AS place FROM made WHERE printed_place IS NOT NULL
    UNION
    SELECT place FROM made WHERE place IS NOT NULL
    UNION
    SELECT place FROM corrected
)
SELECT
    place.place,
    p.printed_number,
    p.printed_positive,
    p.printed_control,
    p.printed_difference,
    p.study_difference AS printed_here,
    p.place AS printed_place_here,
    asked.sae_name AS sae,
    h.feature + 1 AS number,
    h.feature,
    h.study_positive,
    h.study_control,
    h.study_difference,
    c.auroc,
    c.q,
    k.feature AS corrected_feature,
    k.auroc AS corrected_auroc,
    k.q AS corrected_q,
    k.p_length AS corrected_p_length,
    m.share_higher AS matched_share,
    m.q AS matched_q,
    other.place AS corrected_place_as_printed
FROM place
CROSS JOIN asked
LEFT JOIN made AS p ON p.printed_place = place.place
LEFT JOIN made AS h ON h.place = place.place
LEFT JOIN feature_contrast AS c ON c.contrast = asked.contrast AND c.sae = asked.sae AND c.feature = h.feature
LEFT JOIN corrected AS k ON k.place = place.place
LEFT JOIN feature_pair AS m ON m.contrast = asked.matched AND m.sae = asked.sae AND m.feature = k.feature
LEFT JOIN made AS other ON other.feature = k.feature
ORDER BY place.place
LIMIT :limit
