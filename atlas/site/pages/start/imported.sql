SELECT s.label AS name
FROM sae_import AS i
JOIN sae AS s ON s.sae = i.sae
WHERE i.format <> 'delphi'
ORDER BY s.ordinal
