-- title: Runs and throughput over time
-- description: One row for each day (UTC) and kind of job, newest first: how many runs ended how, how much they encoded, and how fast. Tokens a second is over the time of the runs that encoded anything.
-- database: atlas
-- param command: VARCHAR = ''  -- ingest, contrast, explain or another kind; empty: all
-- param limit: INTEGER = 60  -- most rows shown
SELECT
    SUBSTR(CAST(started_at AS VARCHAR), 1, 10) AS day,
    command,
    COUNT(*) AS runs,
    CAST(SUM(CASE WHEN status = 'done' THEN 1 ELSE 0 END) AS BIGINT) AS done,
    CAST(SUM(CASE WHEN status = 'failed' THEN 1 ELSE 0 END) AS BIGINT) AS failed,
    CAST(SUM(documents) AS BIGINT) AS documents,
    CAST(SUM(documents_skipped) AS BIGINT) AS documents_skipped,
    CAST(SUM(tokens) AS BIGINT) AS tokens,
    CAST(SUM(activations) AS BIGINT) AS activations,
    SUM(seconds) AS seconds,
    1.0 * SUM(tokens) / NULLIF(SUM(CASE WHEN tokens > 0 THEN seconds ELSE 0 END), 0) AS tokens_per_second,
    MAX(CASE WHEN tokens > 0 THEN tokens_per_second END) AS fastest_run
FROM ingest_run
WHERE :command = '' OR command = :command
GROUP BY SUBSTR(CAST(started_at AS VARCHAR), 1, 10), command
ORDER BY day DESC, command
LIMIT :limit
