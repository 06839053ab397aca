SELECT
    scheduled_run,
    job,
    planned_at,
    started_at,
    finished_at,
    attempt,
    missed,
    status,
    reason,
    ingest_run
FROM scheduled_run
ORDER BY planned_at DESC, scheduled_run DESC
LIMIT :limit
