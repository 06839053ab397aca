-- title: What the schedule did, and when it was due
-- description: One row for each due time of a scheduled job, newest first: when it was due, when it ran, how it ended and why, and what its ingest encoded, brought up to date, replaced and dropped. Times are UTC.
-- database: atlas
-- param job: VARCHAR = ''  -- name of a job; empty: all of them
-- param status: VARCHAR = ''  -- running, done, failed, stopped or skipped; empty: all
-- param limit: INTEGER = 40  -- most rows shown
SELECT
    s.scheduled_run,
    s.job,
    SUBSTR(REPLACE(CAST(s.planned_at AS VARCHAR), 'T', ' '), 1, 19) AS planned_at,
    SUBSTR(REPLACE(CAST(s.started_at AS VARCHAR), 'T', ' '), 1, 19) AS started_at,
    SUBSTR(REPLACE(CAST(s.finished_at AS VARCHAR), 'T', ' '), 1, 19) AS finished_at,
    s.attempt,
    s.missed,
    s.status,
    s.reason,
    s.ingest_run,
    r.documents,
    r.documents_updated,
    r.documents_replaced,
    r.documents_dropped,
    r.tokens,
    r.tokens_per_second
FROM scheduled_run AS s
LEFT JOIN ingest_run AS r ON r.ingest_run = s.ingest_run
WHERE (:job = '' OR s.job = :job)
  AND (:status = '' OR s.status = :status)
ORDER BY s.scheduled_run DESC
LIMIT :limit
