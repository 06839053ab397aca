-- title: How many features are left after each test
-- description: The tests of the query monosemantic, one after the other: each row counts the features that pass this test and all before it. With the same thresholds the last row counts the features that monosemantic lists. A test is passed over where its figure is not known, as coverage is without marked terms.
-- database: atlas
-- param contrast: VARCHAR = ''  -- name of the contrast; empty: the first
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: all of them
-- param max_q: DOUBLE = 0.05  -- largest q on the discovery half
-- param min_auroc: DOUBLE = 0.65  -- smallest AUROC on the discovery half
-- param min_confirmed: DOUBLE = 0.6  -- smallest AUROC on the confirmation half
-- param min_f1: DOUBLE = 0  -- smallest F1 on the confirmation half
-- param min_domain_auroc: DOUBLE = 0.5  -- smallest AUROC against any one control domain
-- param min_lift: DOUBLE = 3  -- smallest lift on discovery tokens
-- param max_control: DOUBLE = 0.02  -- largest share of the control tokens of the discovery half on which it fires
-- param min_word_lift: DOUBLE = 2  -- smallest lift that follows from its words, on the discovery half
-- param max_top_token: DOUBLE = 0.5  -- largest share of its active tokens that are one token
-- param min_coverage: DOUBLE = 0.2  -- smallest share of the concept's marked terms on which it fires
WITH chosen AS (
    SELECT
        sc.contrast,
        sc.sae,
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
        MIN(d.auroc) AS auroc
    FROM chosen AS k
    JOIN feature_domain AS d ON d.contrast = k.contrast AND d.sae = k.sae
    GROUP BY d.contrast, d.sae, d.feature
),
judged AS (
    SELECT
        c.sae,
        CASE WHEN c.q IS NOT NULL THEN 1 ELSE 0 END AS tested,
        CASE
            WHEN COALESCE(n.q_discovery, c.q) <= CAST(:max_q AS DOUBLE) AND COALESCE(n.auroc_discovery, c.auroc) > 0.5
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
        CASE WHEN COALESCE(e.term_coverage, 1.0) >= CAST(:min_coverage AS DOUBLE) THEN 1 ELSE 0 END AS terms
    FROM chosen AS k
    JOIN feature_contrast AS c ON c.contrast = k.contrast AND c.sae = k.sae
    LEFT JOIN feature_confirmation AS n ON n.contrast = c.contrast AND n.sae = c.sae AND n.feature = c.feature
    LEFT JOIN feature_lift AS l
        ON l.contrast = c.contrast AND l.sae = c.sae AND l.feature = c.feature AND l.part = 'discovery'
    LEFT JOIN feature_evidence AS e ON e.contrast = c.contrast AND e.sae = c.sae AND e.feature = c.feature
    LEFT JOIN domain AS d ON d.contrast = c.contrast AND d.sae = c.sae AND d.feature = c.feature
),
counted AS (
    SELECT
        sae,
        COUNT(*) AS fire,
        SUM(tested) AS tested,
        SUM(tested * at_q) AS at_q,
        SUM(tested * at_q * found) AS found,
        SUM(tested * at_q * found * confirmed) AS confirmed,
        SUM(tested * at_q * found * confirmed * against_each) AS against_each,
        SUM(tested * at_q * found * confirmed * against_each * rare) AS rare,
        SUM(tested * at_q * found * confirmed * against_each * rare * own_words) AS own_words,
        SUM(tested * at_q * found * confirmed * against_each * rare * own_words * words) AS words,
        SUM(tested * at_q * found * confirmed * against_each * rare * own_words * words * terms) AS terms
    FROM judged
    GROUP BY sae
),
step AS (
    SELECT sae, 1 AS step, 'fire' AS test, 'fire on these documents or BOS' AS meaning, fire AS features FROM counted
    UNION ALL
    SELECT sae, 2, 'tested', 'often enough to be tested', tested FROM counted
    UNION ALL
    SELECT sae, 3, 'at_q', 'favour the positive documents at that q', at_q FROM counted
    UNION ALL
    SELECT sae, 4, 'found', 'tell them apart on the discovery half', found FROM counted
    UNION ALL
    SELECT sae, 5, 'confirmed', 'and on the confirmation half', confirmed FROM counted
    UNION ALL
    SELECT sae, 6, 'against_each', 'against every control domain', against_each FROM counted
    UNION ALL
    SELECT sae, 7, 'rare', 'rare on control tokens', rare FROM counted
    UNION ALL
    SELECT sae, 8, 'own_words', 'on words of the positive side', own_words FROM counted
    UNION ALL
    SELECT sae, 9, 'words', 'not mostly on one token', words FROM counted
    UNION ALL
    SELECT sae, 10, 'terms', 'on enough of the marked terms', terms FROM counted
)
SELECT
    k.name AS sae,
    step.step,
    step.test,
    step.meaning,
    CAST(step.features AS BIGINT) AS features
FROM step
JOIN chosen AS k ON k.sae = step.sae
ORDER BY step.sae, step.step
