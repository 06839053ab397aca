-- title: Explanations in the atlas
-- description: Every explanation, newest first: what is explained by what, how it was estimated and how far its values add up. Its number is what `atlas explain plot` and the other queries of this group take.
-- database: atlas
-- param question: VARCHAR = ''  -- token, feature or logit; empty: all three
-- param text: VARCHAR = ''  -- words of the prompt, in any case; empty: every prompt
-- param limit: INTEGER = 40  -- most rows shown
SELECT
    e.explanation,
    e.question,
    s.label AS sae,
    e.feature,
    e.output,
    e.target,
    e.position,
    e.text,
    e.estimator,
    e.baseline,
    e.players,
    e.evaluations,
    e.base_value,
    e.full_value,
    e.residual
FROM explanation AS e
LEFT JOIN sae AS s ON s.sae = e.sae
WHERE (:question = '' OR e.question = :question)
    AND (:text = '' OR INSTR(LOWER(e.text), LOWER(:text)) > 0)
ORDER BY e.explanation DESC
LIMIT :limit
