-- What the contrast that was asked for gave on the SAE that was asked for; where none was, on each.
SELECT
    sc.*,
    s.tokenization,
    s.name,
    s.ordinal
FROM (
    -- part: contrast_asked
) AS c
JOIN sae_contrast AS sc ON sc.contrast = c.contrast
JOIN (
    -- part: every_sae_asked
) AS s ON s.sae = sc.sae
