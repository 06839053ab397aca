-- title: Do high moments of logit weights mean many meanings?
-- description: The study's hypothesis, that a high std, skewness or kurtosis of the logit weights marks a polysemantic feature: if it held, entropy would rise and top_token_share and f1 would fall with the moment. The verdict is that of the partial rank correlation, frequency held fixed, with its 95 % interval; clusters of features of near directions count as one unit each.
-- database: atlas
-- param contrast: VARCHAR = ''  -- contrast whose documents give the evidence; empty: the first
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: all of them
WITH chosen AS (
    -- part: every_result_asked
)
SELECT
    k.name AS sae,
    r.moment,
    r.evidence,
    r.features,
    r.clusters,
    r.rho_given_frequency,
    r.low_given_frequency,
    r.high_given_frequency,
    CASE
        WHEN r.low_given_frequency > 0 THEN 'rises with it'
        WHEN r.high_given_frequency < 0 THEN 'falls with it'
        WHEN r.low_given_frequency IS NULL THEN 'not known'
        ELSE 'not told from none'
    END AS verdict,
    r.rho,
    r.low,
    r.high
FROM contrast_correlation AS r
JOIN chosen AS k ON k.contrast = r.contrast AND k.sae = r.sae
ORDER BY r.sae, r.moment, r.evidence
