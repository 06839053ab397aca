-- Some places of each token in the half that scores are computed on, in a blind order.
CREATE OR REPLACE TEMP TABLE label_token AS
WITH drawn AS (
  SELECT *
  FROM label_window
  WHERE NOT making
  ORDER BY content_hash, context
  LIMIT $windows
)
SELECT
  token_id,
  context,
  position,
  member,
  ROW_NUMBER() OVER (
    PARTITION BY token_id
    ORDER BY (content_hash % 1000003 + CAST(position AS BIGINT) * 618034) % 1000003, context, position
  ) AS draw
FROM drawn
JOIN token USING (context)
QUALIFY draw <= $places
ORDER BY token_id, draw
