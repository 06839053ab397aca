-- Version 6: a feature on the tokens of both sides of a contrast, and how many different ones it fires on.
--
-- Contrasts of an older version have none of it: they are marked as stale, and the next
-- command that writes computes them again.

CREATE TABLE feature_lift (
	contrast SMALLINT NOT NULL,
	sae SMALLINT NOT NULL,
	feature INTEGER NOT NULL,
	part VARCHAR NOT NULL,
	density_positive DOUBLE PRECISION,
	density_positive_low DOUBLE PRECISION,
	density_positive_high DOUBLE PRECISION,
	density_control DOUBLE PRECISION,
	density_control_low DOUBLE PRECISION,
	density_control_high DOUBLE PRECISION,
	lift DOUBLE PRECISION,
	lift_low DOUBLE PRECISION,
	lift_high DOUBLE PRECISION,
	word_lift DOUBLE PRECISION,
	word_lift_low DOUBLE PRECISION,
	word_lift_high DOUBLE PRECISION,
	mass_lift DOUBLE PRECISION,
	mass_lift_low DOUBLE PRECISION,
	mass_lift_high DOUBLE PRECISION,
	mass_share DOUBLE PRECISION,
	mass_share_low DOUBLE PRECISION,
	mass_share_high DOUBLE PRECISION,
	PRIMARY KEY (contrast, sae, feature, part),
	CONSTRAINT feature_lift_part CHECK (part IN ('all', 'discovery', 'confirmation'))
);

COMMENT ON TABLE feature_lift IS 'A tested feature on the tokens of both sides; intervals by group at level 0.95, NULL for fewer than 5';

COMMENT ON COLUMN feature_lift.contrast IS 'Contrast';

COMMENT ON COLUMN feature_lift.sae IS 'SAE of the feature';

COMMENT ON COLUMN feature_lift.feature IS 'Zero-based index in the SAE';

COMMENT ON COLUMN feature_lift.part IS 'Documents: discovery (what chooses), confirmation, or all';

COMMENT ON COLUMN feature_lift.density_positive IS 'Share of the positive documents'' tokens on which it fires';

COMMENT ON COLUMN feature_lift.density_positive_low IS 'Lower end of the interval of density_positive';

COMMENT ON COLUMN feature_lift.density_positive_high IS 'Upper end';

COMMENT ON COLUMN feature_lift.density_control IS 'The same of the control documents'' tokens';

COMMENT ON COLUMN feature_lift.density_control_low IS 'Lower end of the interval of density_control';

COMMENT ON COLUMN feature_lift.density_control_high IS 'Upper end';

COMMENT ON COLUMN feature_lift.lift IS 'density_positive / density_control; NULL where it is silent on control tokens';

COMMENT ON COLUMN feature_lift.lift_low IS 'Lower end of the interval of lift';

COMMENT ON COLUMN feature_lift.lift_high IS 'Upper end; NULL where nothing bounds it';

COMMENT ON COLUMN feature_lift.word_lift IS 'The lift that follows from which words it fires on, were it to fire on each as often on both sides';

COMMENT ON COLUMN feature_lift.word_lift_low IS 'Lower end of the interval of word_lift';

COMMENT ON COLUMN feature_lift.word_lift_high IS 'Upper end';

COMMENT ON COLUMN feature_lift.mass_lift IS 'Mean activation of a positive token over that of a control token';

COMMENT ON COLUMN feature_lift.mass_lift_low IS 'Lower end of the interval of mass_lift';

COMMENT ON COLUMN feature_lift.mass_lift_high IS 'Upper end';

COMMENT ON COLUMN feature_lift.mass_share IS 'Share of the sum of its activations that is on positive documents';

COMMENT ON COLUMN feature_lift.mass_share_low IS 'Lower end of the interval of mass_share';

COMMENT ON COLUMN feature_lift.mass_share_high IS 'Upper end';

ALTER TABLE feature_evidence ADD COLUMN types INTEGER;

ALTER TABLE feature_evidence ADD COLUMN type_share DOUBLE PRECISION;

ALTER TABLE feature_evidence ADD COLUMN type_share_low DOUBLE PRECISION;

ALTER TABLE feature_evidence ADD COLUMN type_share_high DOUBLE PRECISION;

COMMENT ON COLUMN feature_evidence.types IS 'Different tokens it fires on in the documents compared; NULL where AUROC is below 0.6';

COMMENT ON COLUMN feature_evidence.type_share IS 'types over its active tokens there: falls as the texts grow';

COMMENT ON COLUMN feature_evidence.type_share_low IS 'Lower end of its interval at level 0.95, jackknife over groups';

COMMENT ON COLUMN feature_evidence.type_share_high IS 'Upper end; NULL if it fires in fewer than 5 groups';

ALTER TABLE feature_confirmation ADD COLUMN place_discovery INTEGER;

COMMENT ON COLUMN feature_confirmation.place_discovery IS 'Its place among the candidates, by discovery: AUROC of at least 0.65 by word_lift_low, then by AUROC';

ALTER TABLE sae_contrast ADD COLUMN fms_chance DOUBLE PRECISION;

COMMENT ON COLUMN sae_contrast.fms_chance IS 'Accuracy of calling every confirmation document the larger side''s';

ALTER TABLE sae_contrast ADD COLUMN fms_accuracy_low DOUBLE PRECISION;

COMMENT ON COLUMN sae_contrast.fms_accuracy_low IS 'Lower end of its interval at level 0.95, bootstrap over groups';

ALTER TABLE sae_contrast ADD COLUMN fms_accuracy_high DOUBLE PRECISION;

COMMENT ON COLUMN sae_contrast.fms_accuracy_high IS 'Upper end';

ALTER TABLE sae_contrast ADD COLUMN fms_1_low DOUBLE PRECISION;

COMMENT ON COLUMN sae_contrast.fms_1_low IS 'Lower end of the interval of FMS@1, the trees held fixed';

ALTER TABLE sae_contrast ADD COLUMN fms_1_high DOUBLE PRECISION;

COMMENT ON COLUMN sae_contrast.fms_1_high IS 'Upper end';

ALTER TABLE sae_contrast ADD COLUMN fms_5_low DOUBLE PRECISION;

COMMENT ON COLUMN sae_contrast.fms_5_low IS 'Lower end of the interval of FMS@5, the trees held fixed';

ALTER TABLE sae_contrast ADD COLUMN fms_5_high DOUBLE PRECISION;

COMMENT ON COLUMN sae_contrast.fms_5_high IS 'Upper end';

ALTER TABLE sae_quality ADD COLUMN ce_uniform DOUBLE PRECISION;

ALTER TABLE sae_quality ADD COLUMN ce_recovered_uniform DOUBLE PRECISION;

COMMENT ON COLUMN sae_quality.ce_uniform IS 'Cross-entropy of a uniform guess: the logarithm of d_vocab (nats a token)';

COMMENT ON COLUMN sae_quality.ce_recovered_uniform IS '(ce_uniform - ce_sae) / (ce_uniform - ce_clean); NULL where the model is no better than such a guess';

UPDATE sae_quality SET ce_uniform = (SELECT ln(d_vocab) FROM sae JOIN model USING (model) WHERE sae.sae = sae_quality.sae);

UPDATE sae_quality SET ce_recovered_uniform = (ce_uniform - ce_sae) / (ce_uniform - ce_clean) WHERE ce_uniform > ce_clean;

UPDATE sae_contrast SET documents_hash = '';
