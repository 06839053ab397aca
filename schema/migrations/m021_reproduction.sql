-- Version 21: the study run again, as printed and as corrected.

CREATE TABLE reproduction_fault (
	contrast SMALLINT NOT NULL,
	sae SMALLINT NOT NULL,
	fault SMALLINT NOT NULL,
	name VARCHAR NOT NULL,
	shown BOOLEAN,
	finding VARCHAR NOT NULL,
	figures JSON NOT NULL,
	PRIMARY KEY (contrast, sae, fault),
	CONSTRAINT reproduction_fault_number CHECK (fault >= 1)
);

COMMENT ON TABLE reproduction_fault IS 'A fault of the study, and what the data say of it';

COMMENT ON COLUMN reproduction_fault.contrast IS 'Contrast';

COMMENT ON COLUMN reproduction_fault.sae IS 'SAE that the study measured';

COMMENT ON COLUMN reproduction_fault.fault IS 'Number of the fault, from 1';

COMMENT ON COLUMN reproduction_fault.name IS 'The fault in a few words';

COMMENT ON COLUMN reproduction_fault.shown IS 'Whether the data show it; NULL: nothing to tell it by';

COMMENT ON COLUMN reproduction_fault.finding IS 'What the data say of it';

COMMENT ON COLUMN reproduction_fault.figures IS 'The figures of that sentence, by their names';

CREATE TABLE reproduction_feature (
	contrast SMALLINT NOT NULL,
	sae SMALLINT NOT NULL,
	feature INTEGER NOT NULL,
	study_positive DOUBLE PRECISION NOT NULL,
	study_control DOUBLE PRECISION NOT NULL,
	study_difference DOUBLE PRECISION NOT NULL,
	positive_without_bos DOUBLE PRECISION NOT NULL,
	control_without_bos DOUBLE PRECISION NOT NULL,
	place SMALLINT,
	printed_number INTEGER,
	printed_place SMALLINT,
	printed_positive DOUBLE PRECISION,
	printed_control DOUBLE PRECISION,
	printed_difference DOUBLE PRECISION,
	PRIMARY KEY (contrast, sae, feature)
);

COMMENT ON TABLE reproduction_feature IS 'A feature that fires on a prompt of the study, by the study''s own method, beside what the study printed';

COMMENT ON COLUMN reproduction_feature.contrast IS 'Contrast';

COMMENT ON COLUMN reproduction_feature.sae IS 'SAE of the feature';

COMMENT ON COLUMN reproduction_feature.feature IS 'Zero-based index in the SAE';

COMMENT ON COLUMN reproduction_feature.study_positive IS 'Mean over positive prompts of the mean over positions, BOS counted, under the study''s processing of the model';

COMMENT ON COLUMN reproduction_feature.study_control IS 'The same, control prompts';

COMMENT ON COLUMN reproduction_feature.study_difference IS 'study_positive - study_control';

COMMENT ON COLUMN reproduction_feature.positive_without_bos IS 'study_positive with BOS left out';

COMMENT ON COLUMN reproduction_feature.control_without_bos IS 'study_control with BOS left out';

COMMENT ON COLUMN reproduction_feature.place IS 'Place in the list that the study''s method makes here; NULL: not in it';

COMMENT ON COLUMN reproduction_feature.printed_number IS 'Number that the study printed it by, counted from one; NULL: not printed';

COMMENT ON COLUMN reproduction_feature.printed_place IS 'Place in the printed list';

COMMENT ON COLUMN reproduction_feature.printed_positive IS 'Mean of the positive prompts as printed';

COMMENT ON COLUMN reproduction_feature.printed_control IS 'Mean of the control prompts as printed';

COMMENT ON COLUMN reproduction_feature.printed_difference IS 'Difference as printed';

CREATE TABLE study_moment (
	sae SMALLINT NOT NULL,
	feature INTEGER NOT NULL,
	logit_std DOUBLE PRECISION NOT NULL,
	logit_skewness DOUBLE PRECISION,
	logit_kurtosis DOUBLE PRECISION,
	PRIMARY KEY (sae, feature)
);

COMMENT ON TABLE study_moment IS 'Logit weights as the study had them: ln_final folded, W_U centred, its columns of length 1 (cosine)';

COMMENT ON COLUMN study_moment.sae IS 'SAE of the feature';

COMMENT ON COLUMN study_moment.feature IS 'Zero-based index in the SAE';

COMMENT ON COLUMN study_moment.logit_std IS 'Population standard deviation of its logit weights';

COMMENT ON COLUMN study_moment.logit_skewness IS 'Skewness E[z^3]; NULL where the weights do not vary';

COMMENT ON COLUMN study_moment.logit_kurtosis IS 'Kurtosis E[z^4], not excess';

CREATE TABLE study_prompt (
	document INTEGER NOT NULL,
	model SMALLINT NOT NULL,
	tokens SMALLINT NOT NULL,
	looked_at JSON NOT NULL,
	top_tokens JSON NOT NULL,
	kept BOOLEAN NOT NULL,
	names_first BOOLEAN NOT NULL,
	PRIMARY KEY (document, model)
);

COMMENT ON TABLE study_prompt IS 'The study''s filter of prompts: what it looks at, and what has the largest values';

COMMENT ON COLUMN study_prompt.document IS 'Prompt';

COMMENT ON COLUMN study_prompt.model IS 'Model that continued it';

COMMENT ON COLUMN study_prompt.tokens IS 'Tokens of the prompt';

COMMENT ON COLUMN study_prompt.looked_at IS 'Tokens that the study''s filter looks at';

COMMENT ON COLUMN study_prompt.top_tokens IS 'The three with the largest |SHAP value| over what follows';

COMMENT ON COLUMN study_prompt.kept IS 'Whether the study''s filter, as it ran, keeps the prompt';

COMMENT ON COLUMN study_prompt.names_first IS 'Whether a top token is of the prompt''s first word, with which the study''s prompts name their pathology';

CREATE TABLE reproduction (
	contrast SMALLINT NOT NULL,
	sae SMALLINT NOT NULL,
	other_sae SMALLINT NOT NULL,
	matched_contrast VARCHAR,
	ingest_run INTEGER NOT NULL,
	notebook VARCHAR NOT NULL,
	prompts_positive INTEGER NOT NULL,
	prompts_control INTEGER NOT NULL,
	number INTEGER NOT NULL,
	processing_difference DOUBLE PRECISION NOT NULL,
	printed_rows INTEGER,
	printed_shared INTEGER,
	printed_in_place INTEGER,
	rank_correlation DOUBLE PRECISION,
	largest_deviation DOUBLE PRECISION,
	inputs_hash VARCHAR NOT NULL,
	PRIMARY KEY (contrast, sae),
	FOREIGN KEY(ingest_run) REFERENCES ingest_run (ingest_run)
);

COMMENT ON TABLE reproduction IS 'The study run again on an SAE: what was compared, and how far the printed figures are met';

COMMENT ON COLUMN reproduction.contrast IS 'Contrast of the study''s two lists of prompts: the corrected figures';

COMMENT ON COLUMN reproduction.sae IS 'SAE that the study measured';

COMMENT ON COLUMN reproduction.other_sae IS 'SAE that the study took its logit weights and its label from';

COMMENT ON COLUMN reproduction.matched_contrast IS 'Name of the contrast of bundled sentences, half of them in pairs of one template; NULL: not made';

COMMENT ON COLUMN reproduction.ingest_run IS 'Run that computed it';

COMMENT ON COLUMN reproduction.notebook IS 'File that the lists were read off';

COMMENT ON COLUMN reproduction.prompts_positive IS 'Prompts of the concept, as they stand in the list';

COMMENT ON COLUMN reproduction.prompts_control IS 'Prompts to compare with';

COMMENT ON COLUMN reproduction.number IS 'Printed number whose four readings are put side by side';

COMMENT ON COLUMN reproduction.processing_difference IS 'Largest |mean| by which the study''s processing of the model moves a mean from that of the stored activations';

COMMENT ON COLUMN reproduction.printed_rows IS 'Rows of the printed list; NULL where nothing printed is of this SAE';

COMMENT ON COLUMN reproduction.printed_shared IS 'How many of their features the list made here holds';

COMMENT ON COLUMN reproduction.printed_in_place IS 'How many of them at the same place';

COMMENT ON COLUMN reproduction.rank_correlation IS 'Spearman''s correlation of the places of those that both lists hold';

COMMENT ON COLUMN reproduction.largest_deviation IS 'Largest |difference| of a printed figure from the one computed here';

COMMENT ON COLUMN reproduction.inputs_hash IS 'Hash of all it depends on: what makes a rerun free';
