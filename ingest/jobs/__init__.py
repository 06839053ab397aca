"""Jobs: what a command asks for, done to an open atlas; each leaves a row of `ingest_run`."""
