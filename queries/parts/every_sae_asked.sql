-- The SAE that was asked for, by either spelling; where none was, all of them.
SELECT
    sae.*,
    label AS name
FROM sae
WHERE :sae IN ('', label, pinned)
