WITH chosen AS (
    SELECT CAST(unnest(string_split(:contexts, ',')) AS INTEGER) AS context
),
spoken AS (
    SELECT *
    FROM token
    WHERE context IN (SELECT context FROM chosen)
),
span AS (
    SELECT
        context,
        MIN(position) AS position,
        MIN(char_start) AS first,
        MAX(char_end) AS last
    FROM spoken
    GROUP BY context
),
whole AS (
    SELECT
        x.context,
        d.text
    FROM context AS x
    JOIN document AS d ON d.document = x.document
    WHERE x.context IN (SELECT context FROM chosen)
),
fired AS (
    SELECT
        context,
        position,
        activation
    FROM activation
    WHERE sae = :sae
        AND feature = :feature
        AND context IN (SELECT context FROM chosen)
)
SELECT
    t.context,
    t.position,
    t.text,
    t.char_start - span.first AS char_start,
    t.char_end - span.first AS char_end,
    COALESCE(fired.activation, 0) AS activation,
    CASE WHEN t.position = span.position THEN SUBSTRING(d.text, span.first + 1, span.last - span.first) END AS sentence
FROM spoken AS t
JOIN span ON span.context = t.context
JOIN whole AS d ON d.context = t.context
LEFT JOIN fired ON fired.context = t.context AND fired.position = t.position
ORDER BY t.context, t.position
