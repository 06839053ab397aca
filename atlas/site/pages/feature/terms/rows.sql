WITH named AS (
    SELECT
        d.document,
        d.term,
        MAX(a.activation) AS activation
    FROM activation AS a
    JOIN context AS x ON x.context = a.context
    JOIN document AS d ON d.document = x.document
    JOIN token AS t ON t.context = a.context AND t.position = a.position
    WHERE a.sae = :sae
        AND a.feature = :feature
        AND t.char_start < d.term_end
        AND t.char_end > d.term_start
    GROUP BY d.document, d.term
)
SELECT
    n.term,
    COUNT(*) AS fires_on,
    (SELECT COUNT(*) FROM document AS d JOIN coverage AS v ON v.document = d.document
     WHERE v.sae = :sae AND d.term = n.term) AS documents,
    MAX(n.activation) AS max_activation
FROM named AS n
GROUP BY n.term
ORDER BY max_activation DESC, n.term
LIMIT :limit
