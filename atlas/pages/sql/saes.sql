SELECT release || '/' || sae_id AS name
FROM sae
ORDER BY sae
