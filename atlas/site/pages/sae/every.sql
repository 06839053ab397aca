SELECT label AS name
FROM sae
ORDER BY ordinal
