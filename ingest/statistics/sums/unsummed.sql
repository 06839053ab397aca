-- The next documents that an SAE has encoded but whose activations are in no sum, in order, of a number of tokens (always
-- at least one document); the tables that collect what each slice of their windows gives until all is merged; and what
-- a window has to reach to be among a feature's examples, where it has all that are kept.
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
SELECT document, corpus, contexts, tokens
FROM ordered
WHERE before < $tokens;

CREATE TEMP TABLE slice_moments (
  corpus INTEGER,
  feature INTEGER,
  documents BIGINT,
  active_tokens BIGINT,
  max_activation REAL,
  mean_active DOUBLE,
  m2 DOUBLE,
  m3 DOUBLE,
  m4 DOUBLE
);

CREATE TEMP TABLE slice_histogram (corpus INTEGER, feature INTEGER, bin SMALLINT, tokens BIGINT);

CREATE TEMP TABLE slice_token (
  corpus INTEGER, feature INTEGER, token_id INTEGER, active_tokens BIGINT, sum_activation DOUBLE
);

CREATE TEMP TABLE slice_example (
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
