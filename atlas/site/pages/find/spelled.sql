SELECT
    tokenization,
    token_id,
    text
FROM vocabulary
WHERE TRIM(text) = :text
ORDER BY tokenization, token_id
LIMIT 100
