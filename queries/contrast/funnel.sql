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
    -- part: every_result_asked
),
passed AS (
    -- part: tests_passed
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
    FROM passed
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
