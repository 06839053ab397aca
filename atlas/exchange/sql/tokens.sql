-- The tokens of the windows that are shown.
SELECT context, MIN(position) AS first, LIST(text ORDER BY position) AS texts
FROM token
WHERE context IN (SELECT context FROM shown)
GROUP BY context
