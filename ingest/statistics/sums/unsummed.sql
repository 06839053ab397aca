-- The next documents that an SAE has encoded but whose activations are in no sum, in order, in parts of a number of
-- tokens (always at least one document); the tables that collect what each part gives until all is merged at once; and
-- what a window has to reach to be among a feature's examples, where it has all that are kept.
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
  corpus INTEGER,
  feature INTEGER,
  context INTEGER,
  content_hash BIGINT,
  activation REAL,
  position SMALLINT,
  octave SMALLINT
);

CREATE TEMP TABLE weakest AS
SELECT corpus, feature, MIN(activation) AS activation
FROM feature_example
WHERE sae = $sae
  AND sampling = 'top'
GROUP BY corpus, feature
HAVING COUNT(*) >= $top_examples;

CREATE TEMP TABLE last_drawn AS
SELECT corpus, feature, octave, MAX(content_hash) AS content_hash
FROM feature_example
JOIN context USING (context)
WHERE sae = $sae
  AND sampling = 'octave'
GROUP BY corpus, feature, octave
HAVING COUNT(*) >= $octave_examples;
