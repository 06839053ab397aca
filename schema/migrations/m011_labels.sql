-- Version 11: labels of features, and their scores.

CREATE TABLE feature_label (
	feature_label INTEGER NOT NULL,
	sae SMALLINT NOT NULL,
	feature INTEGER NOT NULL,
	label VARCHAR NOT NULL,
	method VARCHAR NOT NULL,
	kind VARCHAR NOT NULL,
	words JSON NOT NULL,
	author VARCHAR,
	model VARCHAR,
	created_at TIMESTAMP WITHOUT TIME ZONE,
	source VARCHAR NOT NULL,
	source_sha256 VARCHAR NOT NULL,
	external_id VARCHAR,
	contexts INTEGER,
	prompt VARCHAR,
	answer VARCHAR,
	ingest_run INTEGER NOT NULL,
	PRIMARY KEY (feature_label),
	CONSTRAINT feature_label_kind CHECK (kind IN ('on', 'after', 'before', 'about', 'says', 'text')),
	FOREIGN KEY(ingest_run) REFERENCES ingest_run (ingest_run)
);

COMMENT ON TABLE feature_label IS 'A label of a feature: what it is said to mean, by whom, from what';

COMMENT ON COLUMN feature_label.feature_label IS 'Key';

COMMENT ON COLUMN feature_label.sae IS 'SAE of the feature';

COMMENT ON COLUMN feature_label.feature IS 'Zero-based index in the SAE';

COMMENT ON COLUMN feature_label.label IS 'What the feature is said to mean: a claim';

COMMENT ON COLUMN feature_label.method IS 'How it was made: automatic, language model, or its source''s word';

COMMENT ON COLUMN feature_label.kind IS 'Where its words stand: on the tokens it fires on, after or before them, about them, next (says); text';

COMMENT ON COLUMN feature_label.words IS 'The words it is judged by, as ingest.labels.vocabulary spells them';

COMMENT ON COLUMN feature_label.author IS 'Who made it, where its source says so';

COMMENT ON COLUMN feature_label.model IS 'Language model that worded it';

COMMENT ON COLUMN feature_label.created_at IS 'When it was made (UTC); NULL where its source does not say';

COMMENT ON COLUMN feature_label.source IS 'File it was imported from, or atlas: documents of this atlas';

COMMENT ON COLUMN feature_label.source_sha256 IS 'SHA-256 of that file, or of what was read of the atlas';

COMMENT ON COLUMN feature_label.external_id IS 'Its name at its source';

COMMENT ON COLUMN feature_label.contexts IS 'Firing contexts that it was made from; NULL where its source does not say';

COMMENT ON COLUMN feature_label.prompt IS 'What the language model was asked';

COMMENT ON COLUMN feature_label.answer IS 'What it answered';

COMMENT ON COLUMN feature_label.ingest_run IS 'Run that brought it';

CREATE TABLE label_score (
	feature_label INTEGER NOT NULL,
	negatives VARCHAR NOT NULL,
	judge VARCHAR NOT NULL,
	ingest_run INTEGER NOT NULL,
	documents_sha256 VARCHAR NOT NULL,
	firing INTEGER NOT NULL,
	silent INTEGER NOT NULL,
	firing_groups INTEGER NOT NULL,
	silent_groups INTEGER NOT NULL,
	balanced_accuracy DOUBLE PRECISION,
	balanced_accuracy_low DOUBLE PRECISION,
	balanced_accuracy_high DOUBLE PRECISION,
	recall DOUBLE PRECISION,
	false_alarms DOUBLE PRECISION,
	auroc DOUBLE PRECISION,
	auroc_low DOUBLE PRECISION,
	auroc_high DOUBLE PRECISION,
	wrong_labels INTEGER,
	wrong_mean DOUBLE PRECISION,
	wrong_best DOUBLE PRECISION,
	beaten INTEGER,
	reason VARCHAR,
	prompt VARCHAR,
	answer VARCHAR,
	PRIMARY KEY (feature_label, negatives, judge),
	CONSTRAINT label_score_negatives CHECK (negatives IN ('random', 'neighbour', 'same token')),
	FOREIGN KEY(ingest_run) REFERENCES ingest_run (ingest_run)
);

COMMENT ON TABLE label_score IS 'How far a label tells contexts in which its feature fires from those in which it is silent';

COMMENT ON COLUMN label_score.feature_label IS 'Label';

COMMENT ON COLUMN label_score.negatives IS 'Silent contexts: random; neighbour (its nearest feature fires there); same token (as where it fires)';

COMMENT ON COLUMN label_score.judge IS 'What told the contexts apart: words, or a language model''s name';

COMMENT ON COLUMN label_score.ingest_run IS 'Run that computed it';

COMMENT ON COLUMN label_score.documents_sha256 IS 'SHA-256 of what was read of the atlas';

COMMENT ON COLUMN label_score.firing IS 'Firing contexts, of documents that make no labels';

COMMENT ON COLUMN label_score.silent IS 'Silent contexts of the same documents';

COMMENT ON COLUMN label_score.firing_groups IS 'Groups of documents that the firing contexts are of';

COMMENT ON COLUMN label_score.silent_groups IS 'Groups of documents that the silent contexts are of';

COMMENT ON COLUMN label_score.balanced_accuracy IS 'Mean of recall and 1 - false_alarms; NULL where there is too little';

COMMENT ON COLUMN label_score.balanced_accuracy_low IS 'Lower end of its interval at level 0.95, bootstrap over groups';

COMMENT ON COLUMN label_score.balanced_accuracy_high IS 'Upper end';

COMMENT ON COLUMN label_score.recall IS 'Share of the firing contexts that the judge calls firing';

COMMENT ON COLUMN label_score.false_alarms IS 'Share of the silent contexts that the judge calls firing';

COMMENT ON COLUMN label_score.auroc IS 'AUROC of the judge''s scores, firing against silent; ties count half';

COMMENT ON COLUMN label_score.auroc_low IS 'Lower end of its interval at level 0.95, bootstrap over groups';

COMMENT ON COLUMN label_score.auroc_high IS 'Upper end';

COMMENT ON COLUMN label_score.wrong_labels IS 'Other features'' labels that were judged on the same contexts';

COMMENT ON COLUMN label_score.wrong_mean IS 'Mean AUROC of these';

COMMENT ON COLUMN label_score.wrong_best IS 'Largest AUROC of these';

COMMENT ON COLUMN label_score.beaten IS 'How many of these have a smaller AUROC than the label';

COMMENT ON COLUMN label_score.reason IS 'Why there is no figure; NULL where there is';

COMMENT ON COLUMN label_score.prompt IS 'What the language model was asked';

COMMENT ON COLUMN label_score.answer IS 'What it answered';
