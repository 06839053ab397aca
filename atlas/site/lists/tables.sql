-- The tables of a file of lists. A feature is (release, sae_id, zero-based index); times are UTC.
CREATE TABLE secret (value TEXT NOT NULL);
CREATE TABLE list (
  list INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE COLLATE NOCASE,
  description TEXT NOT NULL,
  changed_at TEXT NOT NULL
);
CREATE TABLE listed (
  list INTEGER NOT NULL REFERENCES list ON DELETE CASCADE,
  release TEXT NOT NULL,
  sae_id TEXT NOT NULL,
  feature INTEGER NOT NULL CHECK (feature >= 0),
  note TEXT NOT NULL,
  weights_sha256 TEXT NOT NULL,
  added_at TEXT NOT NULL,
  PRIMARY KEY (list, release, sae_id, feature)
) WITHOUT ROWID;
CREATE INDEX listed_feature ON listed (release, sae_id, feature);
