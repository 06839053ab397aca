-- The next documents of a corpus that an SAE has encoded but whose activations are in no sum,
-- in order, within a number of tokens (always at least one); their activations, and the features that fire.
CREATE TEMP TABLE unsummed AS
WITH ordered AS (
  SELECT document, coverage.contexts, coverage.tokens, SUM(coverage.tokens) OVER (ORDER BY document) - coverage.tokens AS before
  FROM coverage
  JOIN document USING (document)
  WHERE sae = $sae
    AND corpus = $corpus
    AND NOT summed
)
SELECT document, contexts, tokens
FROM ordered
WHERE before < $sum_tokens;

CREATE TEMP TABLE fresh AS
WITH wanted AS (
  SELECT context, document, sampled, content_hash
  FROM context
  JOIN sae ON sae.sae = $sae AND sae.tokenization = context.tokenization
  WHERE document IN (SELECT document FROM unsummed)
)
SELECT feature, document, context, sampled, content_hash, position, activation
FROM activation
JOIN wanted USING (context)
WHERE sae = $sae
  AND context BETWEEN (SELECT MIN(context) FROM wanted) AND (SELECT MAX(context) FROM wanted);

CREATE TEMP TABLE touched AS
SELECT DISTINCT feature
FROM fresh;
