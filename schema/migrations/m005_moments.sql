-- Version 5: moments from centred sums, and the tokens a feature fires on most.
--
-- The moments are computed anew from the activations, in two passes and bounded memory. Those of logit weights that
-- may have underflowed are forgotten: the next ingest through the SAE computes them. So are the standard errors of
-- Shapley values, which were too small: the next explanation of the same prompt computes them.

CREATE TEMP TABLE summed AS
SELECT sae, context, document, corpus
FROM coverage
JOIN sae USING (sae)
JOIN document USING (document)
JOIN context USING (document, tokenization)
WHERE summed;

CREATE TEMP TABLE centre AS
SELECT
	sae,
	corpus,
	feature,
	COUNT(*) AS active_tokens,
	MAX(activation) AS max_activation,
	FAVG(activation) AS mean_active
FROM activation
JOIN summed USING (sae, context)
GROUP BY ALL;

CREATE TEMP TABLE centred AS
SELECT
	sae,
	corpus,
	feature,
	SUM(d * d) AS m2_active,
	SUM(d * d * d) AS m3_active,
	SUM(d * d * d * d) AS m4_active
FROM (
	SELECT sae, corpus, feature, CAST(activation AS DOUBLE) - mean_active AS d
	FROM activation
	JOIN summed USING (sae, context)
	JOIN centre USING (sae, corpus, feature)
)
GROUP BY ALL;

CREATE TEMP TABLE counted AS
SELECT sae, corpus, feature, COUNT(*) AS documents
FROM feature_document
JOIN document USING (document)
GROUP BY ALL;

DROP TABLE feature_corpus;

CREATE TABLE feature_corpus (
	sae SMALLINT NOT NULL,
	corpus SMALLINT NOT NULL,
	feature INTEGER NOT NULL,
	documents INTEGER NOT NULL,
	active_tokens BIGINT NOT NULL,
	max_activation REAL NOT NULL,
	mean_active DOUBLE PRECISION NOT NULL,
	m2_active DOUBLE PRECISION NOT NULL,
	m3_active DOUBLE PRECISION NOT NULL,
	m4_active DOUBLE PRECISION NOT NULL,
	density DOUBLE PRECISION,
	mean DOUBLE PRECISION,
	std DOUBLE PRECISION,
	skewness DOUBLE PRECISION,
	kurtosis DOUBLE PRECISION,
	std_active DOUBLE PRECISION,
	PRIMARY KEY (sae, corpus, feature)
);

COMMENT ON TABLE feature_corpus IS 'A feature on a corpus, where it fires at all: centred sums, and the moments that follow';

COMMENT ON COLUMN feature_corpus.sae IS 'SAE of the feature';

COMMENT ON COLUMN feature_corpus.corpus IS 'Corpus';

COMMENT ON COLUMN feature_corpus.feature IS 'Zero-based index in the SAE';

COMMENT ON COLUMN feature_corpus.documents IS 'Documents it fires in';

COMMENT ON COLUMN feature_corpus.active_tokens IS 'Tokens it fires on';

COMMENT ON COLUMN feature_corpus.max_activation IS 'Maximum';

COMMENT ON COLUMN feature_corpus.mean_active IS 'Mean over the tokens it fires on';

COMMENT ON COLUMN feature_corpus.m2_active IS 'Sum of squared deviations from mean_active over these tokens';

COMMENT ON COLUMN feature_corpus.m3_active IS 'Sum of the deviations'' cubes';

COMMENT ON COLUMN feature_corpus.m4_active IS 'Sum of the deviations'' fourth powers';

COMMENT ON COLUMN feature_corpus.density IS 'Share of tokens it fires on';

COMMENT ON COLUMN feature_corpus.mean IS 'Mean over all tokens, zeros included';

COMMENT ON COLUMN feature_corpus.std IS 'Population standard deviation over all tokens';

COMMENT ON COLUMN feature_corpus.skewness IS 'Skewness over all tokens; NULL where it does not vary';

COMMENT ON COLUMN feature_corpus.kurtosis IS 'Kurtosis over all tokens (3 for a normal); NULL where it does not vary';

COMMENT ON COLUMN feature_corpus.std_active IS 'Population standard deviation over the tokens it fires on';

COMMENT ON TABLE sae_corpus IS 'How much of a corpus an SAE''s sums hold: the denominators of feature_corpus';

INSERT INTO feature_corpus BY NAME
SELECT
	sae,
	corpus,
	feature,
	documents,
	active_tokens,
	max_activation,
	mean_active,
	m2_active,
	m3_active,
	m4_active,
	active_tokens / n AS density,
	above AS mean,
	SQRT(m2 / n) AS std,
	CASE WHEN m2 > 0 THEN (m3 / n) / POWER(m2 / n, 1.5) END AS skewness,
	CASE WHEN m2 > 0 THEN (m4 / n) / POWER(m2 / n, 2) END AS kurtosis,
	SQRT(m2_active / active_tokens) AS std_active
FROM (
	SELECT
		*,
		m2_active + active_tokens * POWER(below, 2) + silent * POWER(above, 2) AS m2,
		m3_active + 3 * below * m2_active + active_tokens * POWER(below, 3) - silent * POWER(above, 3) AS m3,
		m4_active + 4 * below * m3_active + 6 * POWER(below, 2) * m2_active + active_tokens * POWER(below, 4)
			+ silent * POWER(above, 4) AS m4
	FROM (
		SELECT
			centre.*,
			counted.documents,
			m2_active,
			m3_active,
			m4_active,
			CAST(tokens AS DOUBLE) AS n,
			tokens - active_tokens AS silent,
			mean_active * (active_tokens / n) AS above,
			mean_active * (silent / n) AS below
		FROM centre
		JOIN centred USING (sae, corpus, feature)
		JOIN counted USING (sae, corpus, feature)
		JOIN sae_corpus USING (sae, corpus)
	)
)
ORDER BY sae, corpus, feature;

DROP TABLE summed;

DROP TABLE centre;

DROP TABLE centred;

DROP TABLE counted;

CREATE TABLE feature_top_token (
	sae SMALLINT NOT NULL,
	feature INTEGER NOT NULL,
	rank SMALLINT NOT NULL,
	token_id INTEGER NOT NULL,
	active_tokens BIGINT NOT NULL,
	sum_activation DOUBLE PRECISION NOT NULL
);

COMMENT ON TABLE feature_top_token IS 'A feature''s top tokens: the ten it fires on most, over all corpora';

COMMENT ON COLUMN feature_top_token.sae IS 'SAE of the feature';

COMMENT ON COLUMN feature_top_token.feature IS 'Zero-based index in the SAE';

COMMENT ON COLUMN feature_top_token.rank IS '1 is the token it fires on most often, in all corpora together';

COMMENT ON COLUMN feature_top_token.token_id IS 'Token id, in the vocabulary of the SAE''s tokenization';

COMMENT ON COLUMN feature_top_token.active_tokens IS 'Times it fires on the token';

COMMENT ON COLUMN feature_top_token.sum_activation IS 'Sum of its activations on the token; the larger is first';

INSERT INTO feature_top_token BY NAME
SELECT
	sae,
	feature,
	ROW_NUMBER() OVER (PARTITION BY sae, feature ORDER BY active_tokens DESC, sum_activation DESC, token_id) AS rank,
	token_id,
	active_tokens,
	sum_activation
FROM (
	SELECT
		sae,
		feature,
		token_id,
		CAST(SUM(active_tokens) AS BIGINT) AS active_tokens,
		SUM(sum_activation) AS sum_activation
	FROM feature_token
	GROUP BY ALL
)
QUALIFY rank <= 10
ORDER BY sae, feature, rank;

UPDATE feature
SET logit_skewness = NULL, logit_kurtosis = NULL
WHERE logit_std < 1e-7;

UPDATE token_attribution
SET standard_error = NULL
WHERE standard_error IS NOT NULL;

UPDATE feature_attribution
SET standard_error = NULL
WHERE standard_error IS NOT NULL;
