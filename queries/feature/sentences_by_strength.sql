-- title: Sentences across a feature's whole range
-- description: Windows of text sampled by hash at every strength of a feature, from its strongest octave (a doubling of the activation) to its weakest: what the top sentences alone would hide.
-- database: activations
-- param feature: INTEGER  -- zero-based index of the feature
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: the one that has read most documents
-- param corpus: VARCHAR = ''  -- corpus; empty: all of them
-- param per_octave: INTEGER = 3  -- most windows shown of an octave
-- param limit: INTEGER = 40  -- most rows shown
WITH chosen AS (
    -- part: first_sae_asked
),
sampled AS (
    SELECT
        e.sae,
        e.feature,
        e.context,
        e.position,
        e.activation,
        e.octave,
        x.document,
        k.name AS corpus,
        ROW_NUMBER() OVER (PARTITION BY e.octave ORDER BY x.content_hash, e.context) AS place
    FROM feature_example AS e
    JOIN chosen ON chosen.sae = e.sae
    JOIN corpus AS k ON k.corpus = e.corpus
    JOIN context AS x ON x.context = e.context
    WHERE e.feature = :feature
        AND e.sampling = 'octave'
        AND (:corpus = '' OR k.name = :corpus)
),
shown AS (
    SELECT *
    FROM sampled
    WHERE place <= CAST(:per_octave AS INTEGER)
    ORDER BY octave DESC, place
    LIMIT :limit
),
marked AS (
    -- part: window_marked
)
SELECT
    chosen.name AS sae,
    m.feature,
    m.octave,
    POWER(2.0, m.octave) AS octave_start,
    m.place,
    m.activation,
    m.token,
    m.sentence,
    m.corpus,
    m.document,
    m.external_id,
    m.source,
    m.licence,
    m.attribution
FROM marked AS m
JOIN chosen ON chosen.sae = m.sae
ORDER BY m.octave DESC, m.place
