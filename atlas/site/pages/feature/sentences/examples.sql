WITH own AS (
    SELECT
        e.*,
        d.external_id,
        k.name AS corpus_name,
        x.ordinal,
        x.content_hash,
        MAX(e.activation) OVER (PARTITION BY e.corpus) AS corpus_max
    FROM example AS e
    JOIN document AS d ON d.document = e.document
    JOIN corpus AS k ON k.corpus = e.corpus
    JOIN context AS x ON x.context = e.context
    WHERE e.sae = :sae
        AND e.feature = :feature
),
placed AS (
    SELECT
        own.*,
        DENSE_RANK() OVER (PARTITION BY own.sampling ORDER BY own.corpus_max DESC, own.corpus) AS corpus_place,
        ROW_NUMBER() OVER (
            PARTITION BY own.sampling, CASE WHEN own.sampling = 'octave' THEN own.octave END
            ORDER BY own.content_hash, own.context
        ) AS hash_place
    FROM own
)
SELECT
    p.sampling,
    p.octave,
    p.corpus,
    p.corpus_name,
    p.document,
    p.external_id,
    p.ordinal,
    p.context,
    p.position,
    p.token,
    p.activation,
    p.sentence
FROM placed AS p
WHERE (p.sampling = 'octave' AND p.hash_place = 1)
    OR (p.sampling = 'top' AND p.corpus_place = 1 AND p.rank <= :first)
    OR (p.sampling = 'top' AND p.corpus_place BETWEEN 2 AND :corpora AND p.rank <= :others)
ORDER BY
    p.sampling DESC,
    CASE WHEN p.sampling = 'octave' THEN p.octave END DESC,
    p.activation DESC,
    p.corpus,
    p.rank
