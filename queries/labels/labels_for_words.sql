-- title: Features whose labels hold words
-- description: Features with a label that holds all of the words, or words that begin with them, upper and lower case alike; the best borne out first. A feature may have several labels, made here or by others. A label is a claim: beside it stands how far its words tell where the feature fires, and the best wrong label.
-- database: activations
-- param words: VARCHAR  -- words, such as blood pressure
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: all of them
-- param limit: INTEGER = 40  -- most rows shown
WITH asked AS (
    -- part: every_sae_asked
),
blind_score AS (
    -- part: blind_score
),
word AS (
    SELECT UNNEST(STRING_SPLIT(LOWER(TRIM(:words)), ' ')) AS word
)
SELECT
    a.name AS sae,
    l.feature,
    l.label,
    l.method,
    l.model,
    s.auroc,
    s.wrong_best,
    s.balanced_accuracy,
    s.firing
FROM feature_label AS l
JOIN asked AS a ON a.sae = l.sae
LEFT JOIN blind_score AS s ON s.feature_label = l.feature_label
WHERE NOT EXISTS (
    SELECT 1
    FROM word AS w
    WHERE NOT REGEXP_MATCHES(LOWER(l.label), '(^|[^\p{L}\p{N}])' || REGEXP_ESCAPE(w.word))
)
ORDER BY s.auroc DESC NULLS LAST, l.feature_label
LIMIT :limit
