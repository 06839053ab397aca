-- The windows in `shown`, each as a sentence with the token at its position between asterisks.
SELECT
    m.*,
    TRIM(
        SUBSTR(m.text, m.window_start + 1, m.token_start - m.window_start)
        || '**' || SUBSTR(m.text, m.token_start + 1, m.token_end - m.token_start) || '**'
        || SUBSTR(m.text, m.token_end + 1, m.window_end - m.token_end)
    ) AS sentence
FROM (
    SELECT
        shown.*,
        t.text AS token,
        span.char_start AS window_start,
        span.char_end AS window_end,
        t.char_end AS token_end,
        t.char_start + LENGTH(SUBSTR(d.text, t.char_start + 1, t.char_end - t.char_start))
            - LENGTH(LTRIM(SUBSTR(d.text, t.char_start + 1, t.char_end - t.char_start))) AS token_start,
        d.text,
        d.external_id,
        d.source,
        d.licence,
        d.attribution
    FROM shown
    JOIN (
        SELECT
            t.context,
            MIN(t.char_start) AS char_start,
            MAX(t.char_end) AS char_end
        FROM shown
        JOIN token AS t ON t.context = shown.context
        GROUP BY t.context
    ) AS span ON span.context = shown.context
    JOIN token AS t ON t.context = shown.context AND t.position = shown.position
    JOIN document AS d ON d.document = shown.document
) AS m
