-- Version 9: a small set of features that together tell the sides of a contrast apart.

CREATE TABLE contrast_set (
	contrast SMALLINT NOT NULL,
	sae SMALLINT NOT NULL,
	rank SMALLINT NOT NULL,
	feature INTEGER NOT NULL,
	weight DOUBLE PRECISION NOT NULL,
	weight_standard DOUBLE PRECISION NOT NULL,
	entered SMALLINT NOT NULL,
	copies SMALLINT NOT NULL,
	PRIMARY KEY (contrast, sae, rank)
);

COMMENT ON TABLE contrast_set IS 'A small set of features that together tell the sides apart: L1-penalised logistic regression on discovery';

COMMENT ON COLUMN contrast_set.contrast IS 'Contrast';

COMMENT ON COLUMN contrast_set.sae IS 'SAE of the feature';

COMMENT ON COLUMN contrast_set.rank IS '1 has the largest standardised weight';

COMMENT ON COLUMN contrast_set.feature IS 'Zero-based index in the SAE';

COMMENT ON COLUMN contrast_set.weight IS 'Weight of its score, fitted on the discovery half';

COMMENT ON COLUMN contrast_set.weight_standard IS 'The same times the standard deviation of its score';

COMMENT ON COLUMN contrast_set.entered IS 'Order of entry as the penalty falls, 1 the first';

COMMENT ON COLUMN contrast_set.copies IS 'Other features that it stands for: their scores correlate with its own beyond 0.9 on discovery';

ALTER TABLE sae_contrast ADD COLUMN set_size INTEGER;

COMMENT ON COLUMN sae_contrast.set_size IS 'Features that together tell the sides apart; NULL: too few groups to choose';

ALTER TABLE sae_contrast ADD COLUMN set_bias DOUBLE PRECISION;

COMMENT ON COLUMN sae_contrast.set_bias IS 'What is added to the sum of weight x score of the set; above 0 is positive';

ALTER TABLE sae_contrast ADD COLUMN set_auroc DOUBLE PRECISION;

COMMENT ON COLUMN sae_contrast.set_auroc IS 'AUROC of that sum on the confirmation half; NULL for an empty set';

ALTER TABLE sae_contrast ADD COLUMN set_auroc_low DOUBLE PRECISION;

COMMENT ON COLUMN sae_contrast.set_auroc_low IS 'Lower end of its interval at level 0.95, bootstrap over groups';

ALTER TABLE sae_contrast ADD COLUMN set_auroc_high DOUBLE PRECISION;

COMMENT ON COLUMN sae_contrast.set_auroc_high IS 'Upper end';

ALTER TABLE sae_contrast ADD COLUMN set_accuracy DOUBLE PRECISION;

COMMENT ON COLUMN sae_contrast.set_accuracy IS 'Share of the confirmation documents that it calls rightly';

ALTER TABLE sae_contrast ADD COLUMN set_accuracy_low DOUBLE PRECISION;

COMMENT ON COLUMN sae_contrast.set_accuracy_low IS 'Lower end of its interval';

ALTER TABLE sae_contrast ADD COLUMN set_accuracy_high DOUBLE PRECISION;

COMMENT ON COLUMN sae_contrast.set_accuracy_high IS 'Upper end';

ALTER TABLE sae_contrast ADD COLUMN set_f1 DOUBLE PRECISION;

COMMENT ON COLUMN sae_contrast.set_f1 IS 'F1 of its calls on the confirmation half';

ALTER TABLE sae_contrast ADD COLUMN set_f1_low DOUBLE PRECISION;

COMMENT ON COLUMN sae_contrast.set_f1_low IS 'Lower end of its interval';

ALTER TABLE sae_contrast ADD COLUMN set_f1_high DOUBLE PRECISION;

COMMENT ON COLUMN sae_contrast.set_f1_high IS 'Upper end';

UPDATE sae_contrast SET documents_hash = '';
