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

INSERT INTO part_example
WITH maximum AS (
  SELECT
    corpus,
    feature,
    context,
    MAX(activation) AS activation,
    CAST(ARG_MIN(position, (-activation, position)) AS SMALLINT) AS position
  FROM fresh
  GROUP BY corpus, feature, context
)
SELECT maximum.corpus, feature, context, content_hash, activation, position
FROM maximum
JOIN part_context USING (context)
QUALIFY ROW_NUMBER() OVER (PARTITION BY maximum.corpus, feature ORDER BY activation DESC, content_hash) <= $top_examples
  OR ROW_NUMBER() OVER (
    PARTITION BY maximum.corpus, feature, FLOOR(LOG2(CAST(activation AS DOUBLE)))
    ORDER BY content_hash
  ) <= $octave_examples;

DROP TABLE fresh;

DROP TABLE fresh_document;

DROP TABLE part_context;
