-- Version 19: what an SAE was saved from, such as a BatchTopK that runs as a JumpReLU; known once it is ingested again.
-- Logit weights through a norm's gain (Gemma 2 and 3) are computed anew by the next command.

ALTER TABLE sae ADD COLUMN trained_as VARCHAR;

COMMENT ON COLUMN sae.trained_as IS 'SAELens architecture it was trained as, where its file names another than it runs as: batchtopk, ...';

UPDATE feature
SET
	logit_mean = NULL,
	logit_std = NULL,
	logit_skewness = NULL,
	logit_kurtosis = NULL,
	top_logits = '[]',
	bottom_logits = '[]'
WHERE sae IN (
	SELECT sae
	FROM sae
	JOIN model USING (model)
	WHERE regexp_matches(model.architecture, '^Gemma[23]')
		AND logit_weights IN ('W_O', 'W_out')
);
