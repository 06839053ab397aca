-- title: The study's own list of candidates
-- description: The method of the study as it was printed, with its faults: means that count the BOS position, a positive difference within two standard deviations of the others, the largest 40, no correction for chance. The study counted features from one, so it would print printed_number where the SAE's own index is feature. AUROC and q stand beside it for comparison.
-- database: atlas
-- param contrast: VARCHAR = ''  -- name of the contrast; empty: the first
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: the first of the contrast
-- param limit: INTEGER = 40  -- most rows shown
WITH chosen AS (
    -- part: first_result_asked
),
printed AS (
    -- part: study_printed
),
ranked AS (
    SELECT *
    FROM printed
    ORDER BY place
    LIMIT :limit
),
top_token AS (
    -- part: top_tokens
)
SELECT
    r.place,
    chosen.name AS sae,
    r.feature,
    r.feature + 1 AS printed_number,
    r.study_positive,
    r.study_control,
    r.study_difference,
    r.mean_difference AS difference_without_bos,
    r.auroc,
    r.q,
    (SELECT t.text FROM top_token AS t WHERE t.sae = r.sae AND t.feature = r.feature AND t.rank = 1) AS top_token
FROM ranked AS r
CROSS JOIN chosen
ORDER BY r.place
