-- Version 4: how an SAE and a model are read is part of what they are, and an SAE can be removed.
--
-- What pointed to models, tokenizations and SAEs by foreign key does so without one: DuckDB lets no row go whose
-- dependants went in the same transaction. It has no way to drop a key, so each such table is made anew.

CREATE TEMP TABLE kept_model AS FROM model;

CREATE TEMP TABLE kept_sae AS FROM sae;

DROP TABLE sae;

DROP TABLE model;

CREATE TABLE model (
	model SMALLINT NOT NULL,
	name VARCHAR NOT NULL,
	architecture VARCHAR NOT NULL,
	n_layers INTEGER NOT NULL,
	d_model INTEGER NOT NULL,
	n_heads INTEGER NOT NULL,
	n_ctx INTEGER NOT NULL,
	d_vocab INTEGER NOT NULL,
	center_writing_weights BOOLEAN NOT NULL,
	fold_ln BOOLEAN NOT NULL,
	center_unembed BOOLEAN NOT NULL,
	weights_sha256 VARCHAR NOT NULL,
	config JSON,
	config_sha256 VARCHAR,
	PRIMARY KEY (model),
	UNIQUE (weights_sha256, config_sha256, center_writing_weights, fold_ln, center_unembed)
);

COMMENT ON TABLE model IS 'A language model, with its configuration and how its weights were processed';

COMMENT ON COLUMN model.model IS 'Key';

COMMENT ON COLUMN model.name IS 'Name it was asked for by';

COMMENT ON COLUMN model.architecture IS 'Hugging Face architecture class';

COMMENT ON COLUMN model.n_layers IS 'Transformer blocks';

COMMENT ON COLUMN model.d_model IS 'Width of the residual stream';

COMMENT ON COLUMN model.n_heads IS 'Attention heads of a block';

COMMENT ON COLUMN model.n_ctx IS 'Longest context, tokens';

COMMENT ON COLUMN model.d_vocab IS 'Size of the vocabulary';

COMMENT ON COLUMN model.center_writing_weights IS 'Weights that write to the residual stream centred';

COMMENT ON COLUMN model.fold_ln IS 'LayerNorm folded into the following weights';

COMMENT ON COLUMN model.center_unembed IS 'Unembedding centred over the vocabulary';

COMMENT ON COLUMN model.weights_sha256 IS 'SHA-256 of the weights as loaded, before processing';

COMMENT ON COLUMN model.config IS 'What its config.json says that changes values; NULL where that is not known';

COMMENT ON COLUMN model.config_sha256 IS 'SHA-256 of config; another one is another model';

CREATE TABLE sae (
	sae SMALLINT NOT NULL,
	release VARCHAR NOT NULL,
	sae_id VARCHAR NOT NULL,
	model SMALLINT NOT NULL,
	tokenization SMALLINT NOT NULL,
	hook_name VARCHAR NOT NULL,
	hook_layer SMALLINT NOT NULL,
	architecture VARCHAR NOT NULL,
	d_in INTEGER NOT NULL,
	d_sae INTEGER NOT NULL,
	neuronpedia_id VARCHAR,
	logit_weights VARCHAR NOT NULL,
	weights_sha256 VARCHAR NOT NULL,
	config JSON,
	config_sha256 VARCHAR,
	added_at TIMESTAMP WITHOUT TIME ZONE,
	pinned VARCHAR NOT NULL,
	label VARCHAR NOT NULL,
	ordinal SMALLINT NOT NULL,
	PRIMARY KEY (sae),
	UNIQUE (release, sae_id, model, tokenization, weights_sha256, config_sha256),
	UNIQUE (pinned),
	CONSTRAINT sae_logit_weights CHECK (logit_weights IN ('plain', 'cosine'))
);

COMMENT ON TABLE sae IS 'A sparse autoencoder: release, id, and where it reads';

COMMENT ON COLUMN sae.sae IS 'Key';

COMMENT ON COLUMN sae.release IS 'SAELens release, or pocket, or a folder''s name';

COMMENT ON COLUMN sae.sae_id IS 'Id within the release, mostly the hook name';

COMMENT ON COLUMN sae.model IS 'Model it reads';

COMMENT ON COLUMN sae.tokenization IS 'Windows it reads';

COMMENT ON COLUMN sae.hook_name IS 'TransformerLens name of the activations it reads';

COMMENT ON COLUMN sae.hook_layer IS 'Block of the hook';

COMMENT ON COLUMN sae.architecture IS 'SAELens architecture: standard, jumprelu, topk, ...';

COMMENT ON COLUMN sae.d_in IS 'Width of its input';

COMMENT ON COLUMN sae.d_sae IS 'Number of features';

COMMENT ON COLUMN sae.neuronpedia_id IS 'Model and source at neuronpedia.org, if published there';

COMMENT ON COLUMN sae.logit_weights IS 'Columns of W_U in feature.logit_*: plain or cosine (unit length)';

COMMENT ON COLUMN sae.weights_sha256 IS 'SHA-256 of the weights; other weights, or another model, are another SAE';

COMMENT ON COLUMN sae.config IS 'What its configuration says that changes values; NULL where that is not known';

COMMENT ON COLUMN sae.config_sha256 IS 'SHA-256 of config; another one is another SAE';

COMMENT ON COLUMN sae.added_at IS 'When it was first ingested (UTC); NULL where that is not known';

COMMENT ON COLUMN sae.pinned IS 'release/sae_id@hash, which means this one for ever; the hash is of all that makes it an SAE';

COMMENT ON COLUMN sae.label IS 'Its name: release/sae_id, and where a newer one bears that name, pinned';

COMMENT ON COLUMN sae.ordinal IS 'Place in lists, from 0: by name, the newest first';

INSERT INTO model BY NAME FROM kept_model;

INSERT INTO sae BY NAME
WITH dated AS (
  SELECT coverage.sae, MIN(started_at) AS added_at
  FROM coverage
  JOIN ingest_run USING (ingest_run)
  GROUP BY ALL
)
SELECT
  s.*,
  d.added_at,
  s.release || '/' || s.sae_id || '@' || left(sha256(concat_ws(
    ' ',
    s.weights_sha256,
    m.weights_sha256,
    m.center_writing_weights,
    m.fold_ln,
    m.center_unembed,
    t.tokenizer_sha256,
    t.context_size,
    t.prepend_bos
  )), 6) AS pinned,
  pinned AS label,
  0 AS ordinal
FROM kept_sae AS s
JOIN model AS m USING (model)
JOIN tokenization AS t USING (tokenization)
LEFT JOIN dated AS d ON d.sae = s.sae
ORDER BY s.sae;

UPDATE sae
SET
  label = CASE WHEN newest THEN release || '/' || sae_id ELSE pinned END,
  ordinal = place
FROM (
  SELECT sae, newest, ROW_NUMBER() OVER (ORDER BY first_sae, sae DESC) - 1 AS place
  FROM (
    SELECT sae, MIN(sae) OVER named AS first_sae, sae = MAX(sae) OVER named AS newest
    FROM sae
    WINDOW named AS (PARTITION BY release, sae_id)
  )
) AS placed
WHERE placed.sae = sae.sae;

DROP TABLE kept_model;

DROP TABLE kept_sae;
