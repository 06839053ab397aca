-- The windows of the documents in `unsummed`, in order, and how many activations each has.
SELECT
  context.context,
  unsummed.corpus,
  document,
  sampled,
  context.content_hash,
  COALESCE(active.activations, 0) AS activations
FROM context
JOIN unsummed USING (document)
JOIN sae ON sae.sae = $sae AND sae.tokenization = context.tokenization
LEFT JOIN (
  SELECT context, COUNT(*) AS activations
  FROM activation
  WHERE sae = $sae
    AND context BETWEEN (SELECT MIN(context) FROM context JOIN unsummed USING (document))
      AND (SELECT MAX(context) FROM context JOIN unsummed USING (document))
  GROUP BY context
) AS active USING (context)
ORDER BY document, context
