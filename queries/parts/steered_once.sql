-- Each text once a dose, of the newest positions, words and random features of each feature and kind among `pushed`.
SELECT
    MAX(s.steering) AS steering,
    e.dose
FROM (
    SELECT MAX(p.steering) AS steering
    FROM pushed
    JOIN steering AS p ON p.steering = pushed.steering
    GROUP BY p.feature, p.kind
) AS newest
JOIN steering AS n ON n.steering = newest.steering
JOIN steering AS s ON s.sae = n.sae
    AND s.feature = n.feature
    AND s.kind = n.kind
    AND s.random_features = n.random_features
    AND s.words = n.words
    AND COALESCE(s.positions, '[]') = COALESCE(n.positions, '[]')
JOIN steering_effect AS e ON e.steering = s.steering AND e.random = 0
GROUP BY s.feature, s.kind, s.text, e.dose
