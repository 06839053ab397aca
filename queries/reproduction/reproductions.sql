-- title: Runs of the study, and how far its printed figures are met
-- description: Each study that was run again: its notebook, the SAE it compared activations of and the one it loaded in its place, its prompts, and how its printed list agrees with that computed here: features in common, at the same place, rank correlation of places, largest deviation of a printed figure; NULL where none is of the SAE. processing_difference: how far the study's processing moves a mean.
-- database: atlas
-- param contrast: VARCHAR = ''  -- name of the reproduced contrast; empty: all of them
-- param sae: VARCHAR = ''  -- SAE that was measured, spelled release/sae_id or release/sae_id@hash; empty: all of them
SELECT
    c.name AS contrast,
    r.notebook,
    s.name AS sae,
    o.label AS loaded_sae,
    r.prompts_positive,
    r.prompts_control,
    r.number,
    r.printed_rows,
    r.printed_shared,
    r.printed_in_place,
    r.rank_correlation,
    r.largest_deviation,
    r.processing_difference,
    COALESCE(f.shown, 0) AS faults_shown
FROM reproduction AS r
JOIN contrast AS c ON c.contrast = r.contrast
JOIN (
    -- part: every_sae_asked
) AS s ON s.sae = r.sae
JOIN sae AS o ON o.sae = r.other_sae
LEFT JOIN (
    SELECT
        contrast,
        sae,
        COUNT(*) AS shown
    FROM reproduction_fault
    WHERE shown
    GROUP BY contrast, sae
) AS f ON f.contrast = r.contrast AND f.sae = r.sae
WHERE :contrast IN ('', c.name)
ORDER BY r.contrast, s.ordinal
