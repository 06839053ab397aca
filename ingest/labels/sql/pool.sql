-- Places drawn blindly from a half, by a number that mixes the window's hash with the position.
CREATE OR REPLACE TEMP TABLE label_pool AS
WITH drawn AS (
  SELECT *
  FROM label_window
  WHERE making = $making
  ORDER BY content_hash, context
  LIMIT $windows
),
chosen AS (
  SELECT
    context,
    CAST(position AS SMALLINT) AS position,
    member,
    (content_hash % 1000003 + CAST(position AS BIGINT) * 618034) % 1000003 AS draw
  FROM drawn
  CROSS JOIN UNNEST(RANGE(first_position, first_position + tokens)) AS there(position)
  ORDER BY draw, context, position
  LIMIT $places
)
SELECT
  ROW_NUMBER() OVER (ORDER BY draw, context, position) - 1 AS place,
  context,
  position,
  member
FROM chosen
ORDER BY place
