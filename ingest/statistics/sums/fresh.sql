-- The windows and activations of a part. Contexts are numbered as they are stored, so that of `activation` and `token`
-- only what lies between the first and the last of them is read.
CREATE TEMP TABLE part_context AS
SELECT context, unsummed.corpus, document, sampled, content_hash
FROM context
JOIN unsummed USING (document)
JOIN sae ON sae.sae = $sae AND sae.tokenization = context.tokenization
WHERE part = $part;

CREATE TEMP TABLE fresh AS
SELECT corpus, feature, document, context, sampled, position, activation
FROM activation
JOIN part_context USING (context)
WHERE sae = $sae
  AND context BETWEEN (SELECT MIN(context) FROM part_context) AND (SELECT MAX(context) FROM part_context);
