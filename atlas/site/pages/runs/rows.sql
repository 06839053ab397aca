SELECT
    ingest_run,
    command,
    status,
    started_at,
    finished_at,
    arguments,
    versions,
    device,
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
    error
FROM ingest_run
ORDER BY started_at DESC, ingest_run DESC
LIMIT :limit
