SELECT
    COUNT(*) AS runs,
    SUM(CASE WHEN status = 'failed' THEN 1 ELSE 0 END) AS failed,
    SUM(tokens) AS tokens,
    SUM(activations) AS activations,
    MIN(started_at) AS first,
    MAX(started_at) AS last
FROM ingest_run
