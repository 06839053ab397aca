-- title: The study's filter of prompts, right and as it ran
-- description: How many prompts have the term they name among their k tokens with the largest |Shapley value|, for k from 1 to 10. Beside it what the study's rule keeps, which never looks at those tokens, and where both agree.
-- database: atlas
-- param output: VARCHAR = 'logit'  -- logit|log_probability: which prediction was explained
WITH sizes AS (
    SELECT DISTINCT rank AS k
    FROM token_attribution
    WHERE rank <= 10
),
prompts AS (
    SELECT
        p.rank,
        p.study_kept,
        e.players
    FROM prompt_filter AS p
    JOIN explanation AS e ON e.explanation = p.explanation
    WHERE e.output = :output
)
SELECT
    sizes.k,
    COUNT(*) AS prompts,
    COUNT(CASE WHEN prompts.rank <= sizes.k THEN 1 END) AS kept,
    1.0 * COUNT(CASE WHEN prompts.rank <= sizes.k THEN 1 END) / COUNT(*) AS share,
    COUNT(prompts.study_kept) AS study_prompts,
    COUNT(CASE WHEN prompts.study_kept THEN 1 END) AS study_kept,
    COUNT(CASE WHEN prompts.study_kept AND prompts.rank <= sizes.k THEN 1 END) AS kept_by_both
FROM sizes
CROSS JOIN prompts
GROUP BY sizes.k
ORDER BY sizes.k
