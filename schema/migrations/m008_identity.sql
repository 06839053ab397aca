-- Version 8: the folder that a document came from, and what a run replaced, brought up to date, dropped, repeated.

ALTER TABLE document ADD COLUMN folder VARCHAR;

COMMENT ON COLUMN document.folder IS 'Folder it was first read from, seen from the atlas; NULL: its corpus was named';

ALTER TABLE ingest_run ADD COLUMN documents_updated INTEGER;

COMMENT ON COLUMN ingest_run.documents_updated IS 'Known documents of which the source now says something else; NULL in runs that did not count them';

ALTER TABLE ingest_run ADD COLUMN documents_replaced INTEGER;

COMMENT ON COLUMN ingest_run.documents_replaced IS 'Older versions removed: their id names another text now; NULL in runs that did not count them';

ALTER TABLE ingest_run ADD COLUMN documents_dropped INTEGER;

COMMENT ON COLUMN ingest_run.documents_dropped IS 'Documents removed that are in no source any more; NULL in runs that did not count them';

ALTER TABLE ingest_run ADD COLUMN documents_repeated INTEGER;

COMMENT ON COLUMN ingest_run.documents_repeated IS 'Records passed over whose text the run had read before; NULL in runs that did not count them';
