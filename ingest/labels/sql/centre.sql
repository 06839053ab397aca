-- The token at each of the wanted places.
SELECT token.token_id
FROM wanted
JOIN token ON token.context = wanted.context AND token.position = wanted.middle
ORDER BY wanted.place
