-- The windows of the documents in `unsummed` in which anything fires, in order, and how much of a slice each is: its
-- activations, and a quarter of its tokens, which are read for them.
SELECT
  context.context,
  unsummed.corpus,
  document,
  sampled,
  context.content_hash,
  activations + context.tokens // 4 AS size
FROM context
JOIN unsummed USING (document)
JOIN sae ON sae.sae = $sae AND sae.tokenization = context.tokenization
JOIN (
  SELECT context, COUNT(*) AS activations
  FROM activation
  WHERE sae = $sae
    AND context BETWEEN (SELECT MIN(context) FROM context JOIN unsummed USING (document))
      AND (SELECT MAX(context) FROM context JOIN unsummed USING (document))
  GROUP BY context
) USING (context)
ORDER BY document, context
