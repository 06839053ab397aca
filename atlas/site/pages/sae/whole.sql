SELECT *
FROM sae
WHERE sae = :sae
