-- The windows that an SAE has read: the run that did, the group of each, as a number, and its half, for ever.
-- A text that stands in several documents, but for its spaces, counts once, as it was first read: it would be in both
-- halves where their groups are.
CREATE OR REPLACE TEMP TABLE label_window AS
WITH first_read AS (
  SELECT document
  FROM normal_text
  JOIN coverage USING (document)
  JOIN document USING (document)
  JOIN corpus USING (corpus)
  WHERE coverage.sae = $sae
    AND coverage.summed
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY normal_text.normal
    ORDER BY coverage.ingest_run, document.content_hash, corpus.name
  ) = 1
)
SELECT
  context.context,
  context.tokens,
  context.sampled,
  context.content_hash,
  coverage.ingest_run,
  CAST(tokenization.prepend_bos AS INTEGER) AS first_position,
  DENSE_RANK() OVER (ORDER BY COALESCE(group_name, document.content_hash)) - 1 AS member,
  md5(COALESCE(group_name, document.content_hash)) < '8' AS making
FROM coverage
JOIN first_read USING (document)
JOIN sae USING (sae)
JOIN tokenization USING (tokenization)
JOIN document USING (document)
JOIN context USING (document, tokenization)
WHERE coverage.sae = $sae
  AND coverage.summed
ORDER BY context.context
