-- title: The skewness list, sorted by skewness and as it was printed
-- description: The study's two findings under the heading Skewness list the features of highest and lowest kurtosis. Left the list as the heading says, right the list as it was sorted; each with the skewness and kurtosis of its features. Where the two sides differ, the printed finding is not about skewness.
-- database: atlas
-- param direction: VARCHAR = 'highest'  -- highest|lowest: which end of the list
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: the one that has read most documents
-- param limit: INTEGER = 10  -- most places shown
WITH chosen AS (
    -- part: first_sae_asked
),
placed AS (
    SELECT
        chosen.name,
        f.feature,
        f.logit_skewness,
        f.logit_kurtosis,
        ROW_NUMBER() OVER (
            ORDER BY CASE WHEN :direction = 'highest' THEN -f.logit_skewness ELSE f.logit_skewness END, f.feature
        ) AS place_by_skewness,
        ROW_NUMBER() OVER (
            ORDER BY CASE WHEN :direction = 'highest' THEN -f.logit_kurtosis ELSE f.logit_kurtosis END, f.feature
        ) AS place_by_kurtosis
    FROM chosen
    JOIN feature AS f ON f.sae = chosen.sae
    WHERE f.logit_skewness IS NOT NULL
        AND f.logit_kurtosis IS NOT NULL
),
by_skewness AS (
    SELECT *
    FROM placed
    ORDER BY place_by_skewness
    LIMIT :limit
),
as_printed AS (
    SELECT *
    FROM placed
    ORDER BY place_by_kurtosis
    LIMIT :limit
)
SELECT
    a.place_by_skewness AS place,
    a.name AS sae,
    a.feature AS by_skewness,
    a.logit_skewness AS skewness,
    a.logit_kurtosis AS kurtosis,
    b.feature AS as_printed,
    b.feature + 1 AS printed_number,
    b.logit_skewness AS printed_skewness,
    b.logit_kurtosis AS printed_kurtosis,
    b.place_by_skewness AS printed_place_by_skewness
FROM by_skewness AS a
JOIN as_printed AS b ON b.place_by_kurtosis = a.place_by_skewness
ORDER BY a.place_by_skewness
