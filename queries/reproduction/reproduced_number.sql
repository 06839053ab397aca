-- title: The four features that share the study's printed number
-- description: A number counted from one, over an SAE taken for another, names four features: of the SAE that was measured and of the one that was loaded, each at the number and one below. Side by side: which one the study measured and whose label it took, means as the study took them, AUROC and q without BOS, logit weights as the study had them (cosine), their top token and Neuronpedia's page.
-- database: atlas
-- param contrast: VARCHAR = ''  -- name of the reproduced contrast; empty: the first
-- param sae: VARCHAR = ''  -- SAE that was measured, spelled release/sae_id or release/sae_id@hash; empty: the first of the contrast
-- param number: INTEGER = 0  -- printed number; 0: the one that the study is known by
WITH asked AS (
    -- part: reproduction_asked
),
chosen AS (
    SELECT
        asked.*,
        CASE WHEN CAST(:number AS INTEGER) > 0 THEN CAST(:number AS INTEGER) ELSE asked.number END AS read_number
    FROM asked
),
way (turn, reading, of_other, below) AS (
    VALUES
        (1, 'what the study measured', 0, 1),
        (2, 'its number taken as an index', 0, 0),
        (3, 'the same of the SAE that was loaded', 1, 1),
        (4, 'whose label it was given', 1, 0)
),
reading AS (
    SELECT
        way.turn,
        way.reading,
        k.contrast,
        CASE WHEN way.of_other = 1 THEN k.other_sae ELSE k.sae END AS sae,
        CASE WHEN way.of_other = 1 THEN k.other_name ELSE k.sae_name END AS name,
        CASE WHEN way.of_other = 1 THEN k.other_neuronpedia_id ELSE k.neuronpedia_id END AS page,
        k.read_number - way.below AS feature
    FROM chosen AS k
    CROSS JOIN way
),
top_token AS (
    -- part: top_tokens
),
best_label AS (
    -- part: best_label
)
SELECT
    r.reading,
    r.name AS sae,
    r.feature,
    f.study_positive,
    f.study_control,
    f.place,
    c.mean_positive,
    c.mean_control,
    c.auroc,
    c.q,
    m.logit_std,
    m.logit_skewness,
    m.logit_kurtosis,
    w.log_sparsity,
    (SELECT t.text FROM top_token AS t WHERE t.sae = r.sae AND t.feature = r.feature AND t.rank = 1) AS top_token,
    l.label,
    'https://www.neuronpedia.org/' || r.page || '/' || r.feature AS neuronpedia
FROM reading AS r
JOIN feature AS w ON w.sae = r.sae AND w.feature = r.feature
LEFT JOIN reproduction_feature AS f ON f.contrast = r.contrast AND f.sae = r.sae AND f.feature = r.feature
LEFT JOIN feature_contrast AS c ON c.contrast = r.contrast AND c.sae = r.sae AND c.feature = r.feature
LEFT JOIN study_moment AS m ON m.sae = r.sae AND m.feature = r.feature
LEFT JOIN best_label AS l ON l.sae = r.sae AND l.feature = r.feature
ORDER BY r.turn
