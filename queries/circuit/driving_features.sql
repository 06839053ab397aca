-- title: Features that drive a feature, from SAE to SAE
-- description: Features of earlier SAEs that a feature falls without, over all prompts with a graph to it, as traced last: on how many of them they fire, and how far it falls when they are taken out of the run, exactly, by every path, at the position where that matters most. Means are over all prompts: where one does not fire, it does nothing. Those that move it by less than min_share of its mean are left out.
-- database: atlas
-- param feature: INTEGER  -- zero-based index of the feature that is driven
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: the one that has read most documents
-- param corpus: VARCHAR = ''  -- corpus of the prompts; empty: all, and those given by hand
-- param layer: INTEGER = -1  -- block of the driving SAE; -1: all
-- param min_share: DOUBLE = 0.01  -- least mean effect, up or down, as a share of the driven feature's mean value; 0: all
-- param limit: INTEGER = 40  -- most rows shown
WITH chosen AS (
    -- part: first_sae_asked
),
traced AS (
    SELECT
        g.graph,
        g.clean_value,
        ROW_NUMBER() OVER (
            PARTITION BY g.document, g.ordinal, g.text, g.position ORDER BY g.ingest_run DESC, g.graph
        ) AS place
    FROM chosen
    JOIN graph AS g ON g.sae = chosen.sae AND g.feature = :feature
    LEFT JOIN document AS d ON d.document = g.document
    LEFT JOIN corpus AS c ON c.corpus = d.corpus
    WHERE :corpus IN ('', c.name)
),
asked AS (
    SELECT
        graph,
        clean_value AS value
    FROM traced
    WHERE place = 1
),
counted AS (
    SELECT
        COUNT(*) AS prompts,
        AVG(value) AS mean_value
    FROM asked
),
driving AS (
    SELECT
        n.graph,
        n.sae,
        n.feature,
        CASE WHEN MAX(n.effect) >= -MIN(n.effect) THEN MAX(n.effect) ELSE MIN(n.effect) END AS effect,
        MAX(n.activation) AS activation,
        MAX(CASE WHEN n.kept THEN 1 ELSE 0 END) AS kept
    FROM asked
    JOIN graph_node AS n ON n.graph = asked.graph
    WHERE n.kind = 'feature'
        AND n.effect IS NOT NULL
    GROUP BY n.graph, n.sae, n.feature
),
summed AS (
    SELECT
        sae,
        feature,
        COUNT(*) AS prompts,
        CAST(SUM(kept) AS INTEGER) AS kept_in,
        SUM(effect) AS effect,
        MAX(activation) AS max_activation
    FROM driving
    GROUP BY sae, feature
)
SELECT
    s.label AS driving_sae,
    summed.feature AS driving_feature,
    summed.prompts,
    counted.prompts AS all_prompts,
    summed.kept_in,
    summed.effect / counted.prompts AS mean_effect,
    counted.mean_value,
    summed.max_activation
FROM summed
CROSS JOIN counted
JOIN sae AS s ON s.sae = summed.sae
WHERE :layer IN (-1, s.hook_layer)
    AND ABS(summed.effect) >= CAST(:min_share AS DOUBLE PRECISION) * ABS(counted.mean_value * counted.prompts)
ORDER BY mean_effect DESC, s.ordinal, summed.feature
LIMIT :limit
