-- title: The faults of the study, and what the data say of each
-- description: Every fault of the study with the sentence that the figures computed here make of it. shown says whether the data show the fault: 1 or 0, NULL where there was nothing to tell it by, as where the study's filter of prompts was not run.
-- database: atlas
-- param contrast: VARCHAR = ''  -- name of the reproduced contrast; empty: the first
-- param sae: VARCHAR = ''  -- SAE that was measured, spelled release/sae_id or release/sae_id@hash; empty: the first of the contrast
WITH asked AS (
    -- part: reproduction_asked
)
SELECT
    f.fault,
    f.name,
    CASE WHEN f.shown THEN 1 WHEN NOT f.shown THEN 0 END AS shown,
    f.finding
FROM asked
JOIN reproduction_fault AS f ON f.contrast = asked.contrast AND f.sae = asked.sae
ORDER BY f.fault
