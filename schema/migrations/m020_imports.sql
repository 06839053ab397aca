-- Version 20: SAEs imported from an export, of which no model ran.

CREATE TEMP TABLE kept_sae AS FROM sae;

DROP TABLE sae;

CREATE TABLE sae (
	sae SMALLINT NOT NULL,
	release VARCHAR NOT NULL,
	sae_id VARCHAR NOT NULL,
	model SMALLINT NOT NULL,
	tokenization SMALLINT NOT NULL,
	hook_name VARCHAR NOT NULL,
	hook_layer SMALLINT NOT NULL,
	architecture VARCHAR,
	d_in INTEGER,
	d_sae INTEGER NOT NULL,
	neuronpedia_id VARCHAR,
	logit_weights VARCHAR NOT NULL,
	weights_sha256 VARCHAR,
	config JSON,
	config_sha256 VARCHAR,
	added_at TIMESTAMP WITHOUT TIME ZONE,
	pinned VARCHAR NOT NULL,
	label VARCHAR NOT NULL,
	ordinal SMALLINT NOT NULL,
	trained_as VARCHAR,
	PRIMARY KEY (sae),
	UNIQUE (release, sae_id, model, tokenization, weights_sha256, config_sha256),
	UNIQUE (pinned),
	CONSTRAINT sae_logit_weights CHECK (logit_weights IN ('plain', 'cosine', 'W_O', 'W_out', 'none', 'imported'))
);

COMMENT ON TABLE sae IS 'A sparse autoencoder: release, id, and where it reads';

COMMENT ON COLUMN sae.sae IS 'Key';

COMMENT ON COLUMN sae.release IS 'SAELens release, or pocket, or a folder''s name';

COMMENT ON COLUMN sae.sae_id IS 'Id within the release, mostly the hook name';

COMMENT ON COLUMN sae.model IS 'Model it reads';

COMMENT ON COLUMN sae.tokenization IS 'Windows it reads';

COMMENT ON COLUMN sae.hook_name IS 'TransformerLens name of the activations it reads';

COMMENT ON COLUMN sae.hook_layer IS 'Block of the hook';

COMMENT ON COLUMN sae.architecture IS 'SAELens architecture: standard, jumprelu, topk, ...; NULL: imported';

COMMENT ON COLUMN sae.d_in IS 'Width of its input; NULL: imported';

COMMENT ON COLUMN sae.d_sae IS 'Number of features; of an imported one, as far as it was shown';

COMMENT ON COLUMN sae.neuronpedia_id IS 'Model and source at neuronpedia.org, if published there';

COMMENT ON COLUMN sae.logit_weights IS 'What feature.logit_* are: plain (W_dec W_U), cosine (columns of W_U of unit length), W_O or W_out (through these weights of the hook''s block), none (the hook writes nothing to the residual stream), imported (tokens and weights as an export shows them, no moments)';

COMMENT ON COLUMN sae.weights_sha256 IS 'SHA-256 of the weights; other weights, or another model, are another SAE; NULL: see sae_import';

COMMENT ON COLUMN sae.config IS 'What its configuration says that changes values; NULL where that is not known';

COMMENT ON COLUMN sae.config_sha256 IS 'SHA-256 of config; another one is another SAE';

COMMENT ON COLUMN sae.added_at IS 'When it was first ingested (UTC); NULL where that is not known';

COMMENT ON COLUMN sae.pinned IS 'release/sae_id@hash, which means this one for ever; the hash is of all that makes it an SAE';

COMMENT ON COLUMN sae.label IS 'Its name: release/sae_id, and where a newer one bears that name, pinned';

COMMENT ON COLUMN sae.ordinal IS 'Place in lists, from 0: by name, the newest first';

COMMENT ON COLUMN sae.trained_as IS 'SAELens architecture it was trained as, where its file names another than it runs as: batchtopk, ...';

INSERT INTO sae BY NAME FROM kept_sae ORDER BY sae;

DROP TABLE kept_sae;

ALTER TABLE model ALTER COLUMN architecture DROP NOT NULL;

ALTER TABLE model ALTER COLUMN n_layers DROP NOT NULL;

ALTER TABLE model ALTER COLUMN d_model DROP NOT NULL;

ALTER TABLE model ALTER COLUMN n_heads DROP NOT NULL;

ALTER TABLE model ALTER COLUMN n_ctx DROP NOT NULL;

ALTER TABLE model ALTER COLUMN d_vocab DROP NOT NULL;

ALTER TABLE model ALTER COLUMN center_writing_weights DROP NOT NULL;

ALTER TABLE model ALTER COLUMN fold_ln DROP NOT NULL;

ALTER TABLE model ALTER COLUMN center_unembed DROP NOT NULL;

ALTER TABLE model ALTER COLUMN weights_sha256 DROP NOT NULL;

ALTER TABLE feature ALTER COLUMN decoder_norm DROP NOT NULL;

COMMENT ON COLUMN feature.decoder_norm IS 'Length of its decoder row; NULL where an export does not say it';

COMMENT ON COLUMN feature.logit_mean IS 'Mean of its logit weights; NULL where sae.logit_weights is none or imported';

COMMENT ON COLUMN model.weights_sha256 IS 'SHA-256 of the weights as loaded, before processing; NULL: it never ran, see sae_import';

CREATE TABLE feature_import (
	sae SMALLINT NOT NULL,
	feature INTEGER NOT NULL,
	density DOUBLE PRECISION,
	max_activation DOUBLE PRECISION,
	said JSON NOT NULL,
	PRIMARY KEY (sae, feature)
);

COMMENT ON TABLE feature_import IS 'What an export says of a feature beside its windows and its logit weights';

COMMENT ON COLUMN feature_import.sae IS 'SAE of the feature';

COMMENT ON COLUMN feature_import.feature IS 'Zero-based index in the SAE';

COMMENT ON COLUMN feature_import.density IS 'Share of its author''s tokens on which it fires, as the export says';

COMMENT ON COLUMN feature_import.max_activation IS 'Its maximum, as the export says';

COMMENT ON COLUMN feature_import.said IS 'What else the export says of it, under the export''s names';

CREATE TABLE shown_window (
	sae SMALLINT NOT NULL,
	feature INTEGER NOT NULL,
	place INTEGER NOT NULL,
	context INTEGER NOT NULL,
	bin_min DOUBLE PRECISION,
	bin_max DOUBLE PRECISION,
	bin_contains DOUBLE PRECISION,
	peak SMALLINT,
	PRIMARY KEY (sae, feature, place)
);

COMMENT ON TABLE shown_window IS 'A window that an export shows of a feature: where its activations are known, and nowhere else';

COMMENT ON COLUMN shown_window.sae IS 'SAE of the feature';

COMMENT ON COLUMN shown_window.feature IS 'Zero-based index in the SAE';

COMMENT ON COLUMN shown_window.place IS 'Place among the feature''s windows in the export, from 0';

COMMENT ON COLUMN shown_window.context IS 'Window; one may be shown several times, and where the feature is silent';

COMMENT ON COLUMN shown_window.bin_min IS 'Lower end of the interval it stands for; -1: among the strongest';

COMMENT ON COLUMN shown_window.bin_max IS 'Upper end of that interval';

COMMENT ON COLUMN shown_window.bin_contains IS 'Share of its author''s tokens in that interval; -1: not said';

COMMENT ON COLUMN shown_window.peak IS 'Token that it was chosen by, from 0; -1: none';

CREATE TABLE sae_import (
	sae SMALLINT NOT NULL,
	ingest_run INTEGER NOT NULL,
	format VARCHAR NOT NULL,
	source VARCHAR NOT NULL,
	files_sha256 VARCHAR NOT NULL,
	dataset VARCHAR,
	prompts INTEGER,
	tokens_in_prompt INTEGER,
	said JSON NOT NULL,
	PRIMARY KEY (sae),
	FOREIGN KEY(ingest_run) REFERENCES ingest_run (ingest_run)
);

COMMENT ON TABLE sae_import IS 'An SAE that was imported from an export, of which the atlas knows what that shows: no model ran';

COMMENT ON COLUMN sae_import.sae IS 'SAE that was imported';

COMMENT ON COLUMN sae_import.ingest_run IS 'Run that brought it';

COMMENT ON COLUMN sae_import.format IS 'Format of the export: neuronpedia, saedashboard';

COMMENT ON COLUMN sae_import.source IS 'Name of the folder it was imported from';

COMMENT ON COLUMN sae_import.files_sha256 IS 'SHA-256 of its files';

COMMENT ON COLUMN sae_import.dataset IS 'Data set that its windows are of, as the export says';

COMMENT ON COLUMN sae_import.prompts IS 'Prompts that its author ran';

COMMENT ON COLUMN sae_import.tokens_in_prompt IS 'Tokens of each of them, BOS included';

COMMENT ON COLUMN sae_import.said IS 'What the export says of the SAE''s release, model, set and source';
