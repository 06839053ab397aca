-- What random features do to a steered prompt, pushed as far, on average.
SELECT
    e.steering,
    e.dose,
    AVG(e.kl) AS kl,
    AVG(e.words_probability) AS words
FROM steering_effect AS e
WHERE e.random > 0
GROUP BY e.steering, e.dose
