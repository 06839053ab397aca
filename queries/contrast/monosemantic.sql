-- title: Features that mean one thing, by several kinds of evidence
-- description: Features that pass every threshold whose figure is known: q, AUROC, lift, rate on control tokens and word_lift (what its words give) on the discovery half; AUROC and F1 on the other; AUROC against each control domain, one token's share and marked terms on all. Lift is density on positive over control tokens, with intervals by group. The query funnel counts what each leaves; there is no score.
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
-- param limit: INTEGER = 40  -- most rows shown
WITH chosen AS (
    -- part: every_result_asked
),
passed AS (
    -- part: tests_passed
),
listed AS MATERIALIZED (
    -- MATERIALIZED: SQLite applies the first test to all before it looks any further.
    SELECT *
    FROM passed
    WHERE at_q = 1
        AND found = 1
        AND confirmed = 1
        AND against_each = 1
        AND rare = 1
        AND own_words = 1
        AND words = 1
        AND terms = 1
)
SELECT
    k.name AS sae,
    f.feature,
    v.text AS top_token,
    n.auroc AS auroc_confirmed,
    n.auroc_low,
    n.auroc_high,
    j.lift AS lift_confirmed,
    j.lift_low,
    j.lift_high,
    a.density_positive,
    a.density_control,
    a.mass_share,
    a.word_lift,
    n.precision,
    n.recall,
    n.f1,
    n.probe_f1,
    e.term_coverage,
    e.top_token_share,
    e.type_share,
    e.token_entropy,
    e.document_entropy,
    t.worst_domain_auroc,
    CAST(t.domains_fired_in AS BIGINT) AS domains_fired_in,
    t.domains,
    p.share_higher AS matched_share,
    p.q AS matched_q,
    c.q,
    c.family_p,
    f.logit_std,
    f.logit_skewness,
    f.logit_kurtosis
FROM listed AS t
JOIN chosen AS k ON k.contrast = t.contrast AND k.sae = t.sae
JOIN feature_contrast AS c ON c.contrast = t.contrast AND c.sae = t.sae AND c.feature = t.feature
JOIN feature AS f ON f.sae = c.sae AND f.feature = c.feature
JOIN feature_confirmation AS n ON n.contrast = c.contrast AND n.sae = c.sae AND n.feature = c.feature
JOIN feature_lift AS a ON a.contrast = c.contrast AND a.sae = c.sae AND a.feature = c.feature AND a.part = 'all'
JOIN feature_lift AS l
    ON l.contrast = c.contrast AND l.sae = c.sae AND l.feature = c.feature AND l.part = 'discovery'
JOIN feature_lift AS j
    ON j.contrast = c.contrast AND j.sae = c.sae AND j.feature = c.feature AND j.part = 'confirmation'
LEFT JOIN feature_evidence AS e ON e.contrast = c.contrast AND e.sae = c.sae AND e.feature = c.feature
LEFT JOIN feature_pair AS p ON p.contrast = c.contrast AND p.sae = c.sae AND p.feature = c.feature
LEFT JOIN vocabulary AS v ON v.tokenization = k.tokenization AND v.token_id = e.top_token
ORDER BY COALESCE(l.word_lift_low, l.word_lift) DESC NULLS LAST, n.auroc_discovery DESC, c.sae, c.feature
LIMIT :limit
