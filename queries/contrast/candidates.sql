-- title: Candidates of a contrast
-- description: Features of the positive documents first, by the discovery half: AUROC from 0.65 by how surely their words are positive (word_lift), then the others by AUROC. auroc, q and fires_* are of all documents, in the contrast's unit, text or window; auroc_confirmed and lift (density on positive over control tokens) of the other half. A label is a claim, label_auroc how far it is borne out.
-- database: atlas
-- param contrast: VARCHAR = ''  -- name of the contrast; empty: the first
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: all of them
-- param max_q: DOUBLE = 1  -- largest q shown; 1 shows all, the untested too
-- param limit: INTEGER = 40  -- most rows shown
WITH chosen AS (
    -- part: every_result_asked
),
best AS (
    SELECT
        fc.*,
        k.documents_positive,
        k.documents_control,
        k.name,
        n.auroc AS auroc_confirmed,
        n.place_discovery
    FROM feature_contrast AS fc
    JOIN chosen AS k ON k.contrast = fc.contrast AND k.sae = fc.sae
    JOIN feature_confirmation AS n ON n.contrast = fc.contrast AND n.sae = fc.sae AND n.feature = fc.feature
    WHERE COALESCE(fc.q, 1.0) <= CAST(:max_q AS DOUBLE)
    ORDER BY n.place_discovery, fc.sae
    LIMIT :limit
),
ranked AS (
    SELECT
        best.*,
        ROW_NUMBER() OVER (ORDER BY place_discovery, sae) AS place
    FROM best
),
seen AS (
    -- part: tokens_read
),
fired AS (
    -- CROSS JOIN: SQLite reads its left side first, never the long table.
    SELECT
        r.sae,
        r.feature,
        CAST(SUM(k.active_tokens) AS BIGINT) AS active_tokens
    FROM ranked AS r
    CROSS JOIN feature_corpus AS k
    WHERE k.sae = r.sae
        AND k.feature = r.feature
    GROUP BY r.sae, r.feature
),
top_token AS (
    -- part: top_tokens
),
spelled AS (
    SELECT
        r.sae,
        r.feature,
        MAX(CASE WHEN t.rank = 1 THEN t.text END) AS first,
        MAX(CASE WHEN t.rank = 2 THEN t.text END) AS second,
        MAX(CASE WHEN t.rank = 3 THEN t.text END) AS third
    FROM ranked AS r
    CROSS JOIN top_token AS t
    WHERE t.sae = r.sae
        AND t.feature = r.feature
        AND t.rank <= 3
    GROUP BY r.sae, r.feature
),
best_label AS (
    -- part: best_label
),
example AS (
    SELECT
        r.sae,
        r.feature,
        (
            SELECT e.context
            FROM feature_example AS e
            WHERE e.sae = r.sae
                AND e.feature = r.feature
                AND e.sampling = 'top'
                AND e.rank = 1
            ORDER BY e.activation DESC, e.corpus
            LIMIT 1
        ) AS context
    FROM ranked AS r
)
SELECT
    r.place,
    r.name AS sae,
    r.feature,
    r.auroc,
    r.auroc_confirmed,
    r.q,
    j.lift,
    b.label,
    b.auroc AS label_auroc,
    w.first || COALESCE(' | ' || w.second, '') || COALESCE(' | ' || w.third, '') AS top_tokens,
    CASE WHEN LENGTH(d.text) <= 160 THEN d.text ELSE SUBSTR(d.text, 1, 157) || '...' END AS example,
    r.p,
    r.family_p,
    r.fires_positive,
    r.documents_positive,
    r.fires_control,
    r.documents_control,
    r.mean_difference,
    j.lift_low,
    j.lift_high,
    j.word_lift,
    j.density_control,
    j.mass_share,
    b.method AS label_method,
    b.wrong_best AS label_wrong_best,
    1.0 * fired.active_tokens / NULLIF(seen.tokens, 0) AS density,
    k.name AS example_corpus,
    d.external_id AS example_document
FROM ranked AS r
LEFT JOIN feature_lift AS j
    ON j.contrast = r.contrast AND j.sae = r.sae AND j.feature = r.feature AND j.part = 'confirmation'
LEFT JOIN seen ON seen.sae = r.sae
LEFT JOIN fired ON fired.sae = r.sae AND fired.feature = r.feature
LEFT JOIN spelled AS w ON w.sae = r.sae AND w.feature = r.feature
LEFT JOIN best_label AS b ON b.sae = r.sae AND b.feature = r.feature
LEFT JOIN example AS e ON e.sae = r.sae AND e.feature = r.feature
LEFT JOIN context AS x ON x.context = e.context
LEFT JOIN document AS d ON d.document = x.document
LEFT JOIN corpus AS k ON k.corpus = d.corpus
ORDER BY r.place
