-- The tokens of the windows that are shown, as the export spells them.
SELECT t.context, MIN(t.position) AS first, LIST(COALESCE(v.spelled, t.text) ORDER BY t.position) AS texts
FROM token AS t
JOIN context AS c USING (context)
LEFT JOIN vocabulary AS v ON v.tokenization = c.tokenization AND v.token_id = t.token_id
WHERE t.context IN (SELECT context FROM shown)
GROUP BY t.context
