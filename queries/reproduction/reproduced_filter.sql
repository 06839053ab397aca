-- title: The study's filter of prompts, prompt by prompt
-- description: Each prompt that the study's filter was run on: the tokens that it looks at, the three with the largest |SHAP value| over what the model goes on with, whether it keeps the prompt, and whether one of the latter is of the prompt's first word, with which the study's prompts name their pathology.
-- database: atlas
-- param sae: VARCHAR = ''  -- SAE whose model it was run on, spelled release/sae_id or release/sae_id@hash; empty: the first
-- param limit: INTEGER = 200  -- most rows shown
WITH asked AS (
    -- part: every_sae_asked
)
SELECT
    d.document,
    d.text,
    p.looked_at,
    p.top_tokens,
    p.kept,
    p.names_first
FROM study_prompt AS p
JOIN document AS d ON d.document = p.document
WHERE p.model = (
    SELECT a.model
    FROM asked AS a
    WHERE a.model IN (SELECT model FROM study_prompt)
    ORDER BY a.ordinal
    LIMIT 1
)
ORDER BY d.document
LIMIT :limit
