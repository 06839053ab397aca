-- title: The study's filter of prompts, prompt by prompt
-- description: Each prompt that the study's filter was run on: the tokens that it looks at, the three with the largest |SHAP value| over what the model goes on with, whether it keeps the prompt, and whether one of the latter is of the prompt's first word, with which the study's prompts name their pathology.
-- database: atlas
-- param limit: INTEGER = 200  -- most rows shown
SELECT
    d.document,
    d.text,
    p.looked_at,
    p.top_tokens,
    p.kept,
    p.names_first
FROM study_prompt AS p
JOIN document AS d ON d.document = p.document
ORDER BY p.model, d.document
LIMIT :limit
