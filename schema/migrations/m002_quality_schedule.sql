-- Version 2: how far an SAE can be trusted, which features are neighbours, what a schedule did.

CREATE TABLE feature_neighbour (
	sae SMALLINT NOT NULL,
	feature INTEGER NOT NULL,
	rank SMALLINT NOT NULL,
	other_feature INTEGER NOT NULL,
	cosine REAL NOT NULL
);

COMMENT ON TABLE feature_neighbour IS 'The ten features whose decoder directions are nearest to a feature''s';

COMMENT ON COLUMN feature_neighbour.sae IS 'SAE of both features';

COMMENT ON COLUMN feature_neighbour.feature IS 'Zero-based index in the SAE';

COMMENT ON COLUMN feature_neighbour.rank IS '1 is the nearest';

COMMENT ON COLUMN feature_neighbour.other_feature IS 'The neighbour''s zero-based index in the same SAE';

COMMENT ON COLUMN feature_neighbour.cosine IS 'Cosine of the two decoder directions';

CREATE TABLE scheduled_run (
	scheduled_run INTEGER NOT NULL,
	job VARCHAR NOT NULL,
	planned_at TIMESTAMP WITHOUT TIME ZONE NOT NULL,
	started_at TIMESTAMP WITHOUT TIME ZONE,
	finished_at TIMESTAMP WITHOUT TIME ZONE,
	attempt INTEGER NOT NULL,
	missed INTEGER NOT NULL,
	status VARCHAR NOT NULL,
	reason VARCHAR,
	ingest_run INTEGER,
	PRIMARY KEY (scheduled_run),
	CONSTRAINT scheduled_run_status CHECK (status IN ('running', 'done', 'failed', 'stopped', 'skipped'))
);

COMMENT ON TABLE scheduled_run IS 'One due time of a scheduled job, and what came of it';

COMMENT ON COLUMN scheduled_run.scheduled_run IS 'Key';

COMMENT ON COLUMN scheduled_run.job IS 'Name of the job in the schedule';

COMMENT ON COLUMN scheduled_run.planned_at IS 'When it was due (UTC), jitter left out';

COMMENT ON COLUMN scheduled_run.started_at IS 'Start (UTC); NULL where it was skipped';

COMMENT ON COLUMN scheduled_run.finished_at IS 'End (UTC); NULL while running or after a kill';

COMMENT ON COLUMN scheduled_run.attempt IS '1 at the time it was due, more where it was tried again';

COMMENT ON COLUMN scheduled_run.missed IS 'Earlier due times that passed and are folded into it';

COMMENT ON COLUMN scheduled_run.status IS 'running, done, failed, stopped (by a signal) or skipped';

COMMENT ON COLUMN scheduled_run.reason IS 'Why it was skipped, what ended it, or what a run that is done had to leave undone';

COMMENT ON COLUMN scheduled_run.ingest_run IS 'Its run of the ingest; NULL where it was skipped, or ended before that was done';

CREATE TABLE sae_quality (
	sae SMALLINT NOT NULL,
	corpus SMALLINT NOT NULL,
	ingest_run INTEGER NOT NULL,
	documents INTEGER NOT NULL,
	tokens BIGINT NOT NULL,
	explained_variance DOUBLE PRECISION,
	l0 DOUBLE PRECISION NOT NULL,
	dead_share DOUBLE PRECISION NOT NULL,
	predicted_tokens BIGINT NOT NULL,
	ce_clean DOUBLE PRECISION NOT NULL,
	ce_sae DOUBLE PRECISION NOT NULL,
	ce_zero DOUBLE PRECISION NOT NULL,
	ce_recovered DOUBLE PRECISION,
	ce_rise DOUBLE PRECISION NOT NULL,
	PRIMARY KEY (sae, corpus),
	FOREIGN KEY(sae) REFERENCES sae (sae),
	FOREIGN KEY(ingest_run) REFERENCES ingest_run (ingest_run)
);

COMMENT ON TABLE sae_quality IS 'How well an SAE reconstructs a corpus, and what that costs the model''s predictions';

COMMENT ON COLUMN sae_quality.sae IS 'SAE';

COMMENT ON COLUMN sae_quality.corpus IS 'Corpus';

COMMENT ON COLUMN sae_quality.ingest_run IS 'Run that computed it';

COMMENT ON COLUMN sae_quality.documents IS 'Documents of the corpus that were read, from the first on';

COMMENT ON COLUMN sae_quality.tokens IS 'Tokens of the corpus that were read, BOS left out';

COMMENT ON COLUMN sae_quality.explained_variance IS '1 - E|x - x̂|² / E|x - x̄|²; NULL where x does not vary';

COMMENT ON COLUMN sae_quality.l0 IS 'Mean number of active features a token';

COMMENT ON COLUMN sae_quality.dead_share IS 'Share of features that fire on none of the tokens';

COMMENT ON COLUMN sae_quality.predicted_tokens IS 'Tokens whose cross-entropy was taken';

COMMENT ON COLUMN sae_quality.ce_clean IS 'Cross-entropy of the model as it is (nats a token)';

COMMENT ON COLUMN sae_quality.ce_sae IS 'The same with the reconstruction in its place (nats a token)';

COMMENT ON COLUMN sae_quality.ce_zero IS 'The same with zeros in its place (nats a token)';

COMMENT ON COLUMN sae_quality.ce_recovered IS '(ce_zero - ce_sae) / (ce_zero - ce_clean); NULL where zeros cost nothing';

COMMENT ON COLUMN sae_quality.ce_rise IS 'ce_sae - ce_clean (nats a token)';
