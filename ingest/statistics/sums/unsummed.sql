-- The next documents that an SAE has encoded but whose activations are in no sum, in order, in parts of a number of
-- tokens (always at least one document); the tables that collect what each part gives until all is merged at once.
CREATE TEMP TABLE unsummed AS
WITH ordered AS (
  SELECT
    document,
    corpus,
    coverage.contexts,
    coverage.tokens,
    SUM(coverage.tokens) OVER (ORDER BY document) - coverage.tokens AS before
  FROM coverage
  JOIN document USING (document)
  WHERE sae = $sae
    AND NOT summed
)
SELECT document, corpus, contexts, tokens, CAST(before // $part_tokens AS INTEGER) AS part
FROM ordered
WHERE before < CAST($parts AS HUGEINT) * $part_tokens;

CREATE TEMP TABLE part_histogram (corpus INTEGER, feature INTEGER, bin SMALLINT, tokens BIGINT);

CREATE TEMP TABLE part_token (
  corpus INTEGER, feature INTEGER, token_id INTEGER, active_tokens BIGINT, sum_activation DOUBLE
);

CREATE TEMP TABLE part_example (
  corpus INTEGER, feature INTEGER, context INTEGER, content_hash BIGINT, activation REAL, position SMALLINT
);
