-- title: What was done to the atlas, and when
-- description: One row for each job that changed the atlas, newest first: what ran, how it ended, how much it encoded and how fast. Times are UTC.
-- database: atlas
-- param status: VARCHAR = ''  -- running, done or failed; empty: all
-- param limit: INTEGER = 40  -- most rows shown
SELECT
    ingest_run,
    SUBSTR(REPLACE(CAST(started_at AS VARCHAR), 'T', ' '), 1, 19) AS started_at,
    command,
    status,
    documents,
    documents_known,
    documents_skipped,
    documents_updated,
    documents_replaced,
    documents_dropped,
    documents_repeated,
    tokens,
    activations,
    seconds,
    tokens_per_second,
    device,
    CAST(arguments AS VARCHAR) AS arguments,
    error
FROM ingest_run
WHERE :status = '' OR status = :status
ORDER BY ingest_run DESC
LIMIT :limit
