-- What a part gives to the histograms, tokens and examples. Each window stands for a feature by its maximum; of a part
-- only the windows that may be among the first of the whole are kept.
INSERT INTO part_histogram
SELECT corpus, feature, CAST(FLOOR(8 * LOG2(CAST(activation AS DOUBLE))) AS SMALLINT) AS bin, COUNT(*)
FROM fresh
GROUP BY corpus, feature, bin;

INSERT INTO part_token
SELECT corpus, feature, token_id, COUNT(*), SUM(CAST(activation AS DOUBLE))
FROM fresh
JOIN token USING (context, position)
WHERE token.context BETWEEN (SELECT MIN(context) FROM part_context) AND (SELECT MAX(context) FROM part_context)
GROUP BY corpus, feature, token_id;

-- Of equal activations the first position: a share of 2^-45 a position parts these, and no two activations, which are of
-- 24 bits, change places by it. Windows that stay behind what a feature has already are left out before any is ranked.
INSERT INTO part_example
WITH maximum AS (
  SELECT
    corpus,
    feature,
    context,
    MAX(activation) AS activation,
    ARG_MAX(position, CAST(activation AS DOUBLE) * (1 - position * POWER(2, -45))) AS position
  FROM fresh
  GROUP BY corpus, feature, context
),
found AS (
  SELECT
    maximum.*,
    content_hash,
    CAST(FLOOR(LOG2(CAST(activation AS DOUBLE))) AS SMALLINT) AS octave
  FROM maximum
  JOIN part_context USING (context)
)
SELECT corpus, feature, context, found.content_hash, found.activation, position, octave
FROM found
LEFT JOIN weakest USING (corpus, feature)
LEFT JOIN last_drawn USING (corpus, feature, octave)
WHERE weakest.activation IS NULL
  OR found.activation >= weakest.activation
  OR last_drawn.content_hash IS NULL
  OR found.content_hash <= last_drawn.content_hash
QUALIFY ROW_NUMBER() OVER (
    PARTITION BY corpus, feature ORDER BY found.activation DESC, found.content_hash
  ) <= $top_examples
  OR ROW_NUMBER() OVER (PARTITION BY corpus, feature, octave ORDER BY found.content_hash) <= $octave_examples;

DROP TABLE fresh;

DROP TABLE fresh_document;

DROP TABLE part_context;
