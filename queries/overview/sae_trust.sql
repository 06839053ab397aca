-- title: How far each SAE can be trusted on each corpus
-- description: One row for each SAE and corpus that atlas evaluate has read: how much of its input the SAE keeps, with how many features a token (L0), and how much of the model's cross-entropy is recovered when the reconstruction takes the input's place (1: all; 0: no more than with zeros, or for _uniform with a uniform guess; the rise is in nats a token). A corpus read in part was read with --limit, or grew.
-- database: atlas
-- param sae: VARCHAR = ''  -- SAE, spelled release/sae_id or release/sae_id@hash; empty: all of them
-- param corpus: VARCHAR = ''  -- name of the corpus; empty: all of them
WITH asked AS (
    -- part: every_sae_asked
),
held AS (
    SELECT
        corpus,
        COUNT(*) AS documents
    FROM document
    GROUP BY corpus
)
SELECT
    s.name AS sae,
    k.name AS corpus,
    CASE WHEN q.documents = held.documents THEN 'whole' ELSE 'part' END AS extent,
    q.documents,
    held.documents AS documents_now,
    q.tokens,
    q.explained_variance,
    q.l0,
    q.dead_share,
    q.ce_recovered,
    q.ce_recovered_uniform,
    q.ce_rise,
    q.ce_clean,
    q.ce_sae,
    q.ce_zero,
    q.ce_uniform
FROM sae_quality AS q
JOIN asked AS s ON s.sae = q.sae
JOIN corpus AS k ON k.corpus = q.corpus
JOIN held ON held.corpus = q.corpus
WHERE :corpus = ''
    OR k.name = :corpus
ORDER BY s.ordinal, k.name, k.corpus
