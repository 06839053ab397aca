SELECT
    explanation,
    position,
    text,
    char_start,
    char_end,
    value,
    standard_error,
    rank
FROM token_attribution
WHERE explanation IN (SELECT value FROM json_each(:explanations))
ORDER BY explanation, position
