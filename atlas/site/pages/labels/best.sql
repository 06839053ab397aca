SELECT
    feature,
    label
FROM (
    -- part: best_label
) AS best
WHERE sae = :sae
    AND feature IN (SELECT value FROM json_each(:features))
ORDER BY feature
