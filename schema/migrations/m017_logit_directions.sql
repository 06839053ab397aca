CREATE TEMP TABLE kept_sae AS
SELECT * REPLACE (
	CASE
		WHEN hook_name LIKE '%.attn.hook_z' OR hook_name LIKE '%.attn.o.hook_in' THEN 'W_O'
		WHEN hook_name LIKE '%.mlp.hook_post' OR hook_name LIKE '%.mlp.out.hook_in' THEN 'W_out'
		WHEN regexp_full_match(
			hook_name,
			'blocks\.\d+\.(hook_resid_(pre|mid|post)|hook_(attn|mlp)_out|hook_in|hook_out|(attn|mlp)\.hook_out)'
		) THEN logit_weights
		ELSE 'none'
	END AS logit_weights
)
FROM sae;

DROP TABLE sae;

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
	CONSTRAINT sae_logit_weights CHECK (logit_weights IN ('plain', 'cosine', 'W_O', 'W_out', 'none'))
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

COMMENT ON COLUMN sae.logit_weights IS 'What feature.logit_* are: plain (W_dec W_U), cosine (columns of W_U of unit length), W_O or W_out (through these weights of the hook''s block), none (the hook writes nothing to the residual stream)';

COMMENT ON COLUMN sae.weights_sha256 IS 'SHA-256 of the weights; other weights, or another model, are another SAE';

COMMENT ON COLUMN sae.config IS 'What its configuration says that changes values; NULL where that is not known';

COMMENT ON COLUMN sae.config_sha256 IS 'SHA-256 of config; another one is another SAE';

COMMENT ON COLUMN sae.added_at IS 'When it was first ingested (UTC); NULL where that is not known';

COMMENT ON COLUMN sae.pinned IS 'release/sae_id@hash, which means this one for ever; the hash is of all that makes it an SAE';

COMMENT ON COLUMN sae.label IS 'Its name: release/sae_id, and where a newer one bears that name, pinned';

COMMENT ON COLUMN sae.ordinal IS 'Place in lists, from 0: by name, the newest first';

INSERT INTO sae BY NAME FROM kept_sae ORDER BY sae;

DROP TABLE kept_sae;

ALTER TABLE feature ALTER COLUMN logit_mean DROP NOT NULL;

ALTER TABLE feature ALTER COLUMN logit_std DROP NOT NULL;

UPDATE feature
SET
	logit_mean = NULL,
	logit_std = NULL,
	logit_skewness = NULL,
	logit_kurtosis = NULL,
	top_logits = '[]',
	bottom_logits = '[]'
WHERE sae IN (SELECT sae FROM sae WHERE logit_weights NOT IN ('plain', 'cosine'));

DELETE FROM contrast_correlation
WHERE sae IN (SELECT sae FROM sae WHERE logit_weights NOT IN ('plain', 'cosine'));

COMMENT ON TABLE feature IS 'A feature of an SAE, with the moments of its logit weights: what it adds to every token''s logit';

COMMENT ON COLUMN feature.logit_mean IS 'Mean of its logit weights; NULL where sae.logit_weights is none, or not known';

COMMENT ON COLUMN feature.logit_std IS 'Population standard deviation of its logit weights; NULL likewise';

COMMENT ON COLUMN feature.top_logits IS 'Tokens it raises most: [[text, weight], ...]; [] without logit weights';
