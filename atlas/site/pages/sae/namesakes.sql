SELECT
    label AS name,
    pinned,
    added_at
FROM sae
WHERE release = :release
    AND sae_id = :sae_id
ORDER BY ordinal
