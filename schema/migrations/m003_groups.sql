-- Version 3: groups of documents, windows drawn in proportion to length, and contrasts computed again for them.
--
-- The figures of the contrasts of older versions are deleted, since they took pieces of one book for independent
-- and chose on the half that judges: the next ingest, removal or contrast computes them again.

CREATE TEMP TABLE kept_document AS
SELECT
	* EXCLUDE (split),
	COALESCE(
		template,
		CASE
			WHEN external_id LIKE '_%#%' AND NOT starts_with(external_id, source || ':') THEN split_part(external_id, '#', 1)
		END
	) AS group_name
FROM document;

DROP TABLE document;

CREATE TABLE document (
	document INTEGER NOT NULL,
	corpus SMALLINT NOT NULL,
	external_id VARCHAR NOT NULL,
	text VARCHAR NOT NULL,
	source VARCHAR NOT NULL,
	licence VARCHAR,
	attribution VARCHAR,
	term VARCHAR,
	term_start INTEGER,
	term_end INTEGER,
	template VARCHAR,
	group_name VARCHAR,
	content_hash VARCHAR NOT NULL,
	PRIMARY KEY (document),
	UNIQUE (corpus, content_hash),
	CONSTRAINT document_term_span CHECK (term IS NULL OR (0 <= term_start AND term_start < term_end))
);

INSERT INTO document BY NAME SELECT * FROM kept_document ORDER BY document;

DROP TABLE kept_document;

COMMENT ON TABLE document IS 'One text of a corpus';

COMMENT ON COLUMN document.document IS 'Key';

COMMENT ON COLUMN document.corpus IS 'Corpus it is in';

COMMENT ON COLUMN document.external_id IS 'Its name at its source';

COMMENT ON COLUMN document.text IS 'The whole text';

COMMENT ON COLUMN document.source IS 'Where it comes from';

COMMENT ON COLUMN document.licence IS 'Licence of the text';

COMMENT ON COLUMN document.attribution IS 'Whom the licence asks to be named';

COMMENT ON COLUMN document.term IS 'The concept that the text names, if marked';

COMMENT ON COLUMN document.term_start IS 'First character of the term';

COMMENT ON COLUMN document.term_end IS 'Character after the term';

COMMENT ON COLUMN document.template IS 'Sentence template shared with documents of other corpora';

COMMENT ON COLUMN document.group_name IS 'The whole it is a piece of (a book, a law, a patient); NULL: it stands alone';

COMMENT ON COLUMN document.content_hash IS 'BLAKE2b-128 of the text, hexadecimal';

CREATE TABLE contrast_document (
	contrast SMALLINT NOT NULL,
	sae SMALLINT NOT NULL,
	document INTEGER NOT NULL,
	positive BOOLEAN NOT NULL,
	split VARCHAR NOT NULL,
	tokens INTEGER NOT NULL,
	PRIMARY KEY (contrast, sae, document),
	CONSTRAINT contrast_document_split CHECK (split IN ('discovery', 'confirmation')),
	FOREIGN KEY(sae) REFERENCES sae (sae)
);

COMMENT ON TABLE contrast_document IS 'A document that a contrast compares: its side and its half; pieces of one group are in one half';

COMMENT ON COLUMN contrast_document.contrast IS 'Contrast';

COMMENT ON COLUMN contrast_document.sae IS 'SAE';

COMMENT ON COLUMN contrast_document.document IS 'Document compared; a text in several corpora of a side is compared once';

COMMENT ON COLUMN contrast_document.positive IS 'Its side';

COMMENT ON COLUMN contrast_document.split IS 'discovery or confirmation: by hash of its group, each side''s groups halved';

COMMENT ON COLUMN contrast_document.tokens IS 'Tokens of what is compared of it: the text, or a window';

ALTER TABLE sae_contrast ADD COLUMN groups_positive INTEGER;

ALTER TABLE sae_contrast ADD COLUMN groups_control INTEGER;

COMMENT ON COLUMN sae_contrast.groups_positive IS 'Groups that the positive documents are of; NULL: to be computed again';

COMMENT ON COLUMN sae_contrast.groups_control IS 'Groups that the control documents are of';

ALTER TABLE sae_contrast ADD COLUMN length_positive_q1 DOUBLE;

ALTER TABLE sae_contrast ADD COLUMN length_positive_median DOUBLE;

ALTER TABLE sae_contrast ADD COLUMN length_positive_q3 DOUBLE;

ALTER TABLE sae_contrast ADD COLUMN length_control_q1 DOUBLE;

ALTER TABLE sae_contrast ADD COLUMN length_control_median DOUBLE;

ALTER TABLE sae_contrast ADD COLUMN length_control_q3 DOUBLE;

ALTER TABLE sae_contrast ADD COLUMN length_p DOUBLE;

COMMENT ON COLUMN sae_contrast.length_positive_q1 IS 'Tokens of what is compared of a positive document, lower quartile';

COMMENT ON COLUMN sae_contrast.length_positive_median IS 'The same, median';

COMMENT ON COLUMN sae_contrast.length_positive_q3 IS 'The same, upper quartile';

COMMENT ON COLUMN sae_contrast.length_control_q1 IS 'Tokens of what is compared of a control document, lower quartile';

COMMENT ON COLUMN sae_contrast.length_control_median IS 'The same, median';

COMMENT ON COLUMN sae_contrast.length_control_q3 IS 'The same, upper quartile';

COMMENT ON COLUMN sae_contrast.length_p IS 'Two-sided rank-sum p that both sides are of like length';

ALTER TABLE feature_contrast ADD COLUMN auroc_length DOUBLE;

ALTER TABLE feature_contrast ADD COLUMN p_length DOUBLE;

COMMENT ON COLUMN feature_contrast.auroc_length IS 'AUROC within fifths of like length, weighted as by van Elteren; NULL where none has both sides';

COMMENT ON COLUMN feature_contrast.p_length IS 'Two-sided p of van Elteren''s rank test within fifths of like length';

ALTER TABLE feature_confirmation ADD COLUMN fires_discovery INTEGER;

ALTER TABLE feature_confirmation ADD COLUMN p_discovery DOUBLE;

ALTER TABLE feature_confirmation ADD COLUMN q_discovery DOUBLE;

ALTER TABLE feature_confirmation ADD COLUMN study_positive_discovery DOUBLE;

ALTER TABLE feature_confirmation ADD COLUMN study_control_discovery DOUBLE;

ALTER TABLE feature_confirmation ADD COLUMN study_kept_discovery BOOLEAN;

COMMENT ON COLUMN feature_confirmation.fires_discovery IS 'Documents of the discovery half it fires in, as in feature_contrast';

COMMENT ON COLUMN feature_confirmation.p_discovery IS 'p as in feature_contrast, over the discovery half alone';

COMMENT ON COLUMN feature_confirmation.q_discovery IS 'q of p_discovery, over features that fire in 5 documents of that half';

COMMENT ON COLUMN feature_confirmation.study_positive_discovery IS 'study_positive over the discovery half alone';

COMMENT ON COLUMN feature_confirmation.study_control_discovery IS 'study_control over the discovery half alone';

COMMENT ON COLUMN feature_confirmation.study_kept_discovery IS 'Whether the study''s filter keeps it on the discovery half alone';

COMMENT ON COLUMN contrast.unit IS 'What is compared of a document, its text or one window chosen by hash: the maximum over its tokens';

COMMENT ON COLUMN feature_contrast.fires_positive IS 'Positive documents it fires in, in what contrast.unit compares';

COMMENT ON COLUMN feature_contrast.fires_control IS 'The same, control documents';

COMMENT ON COLUMN feature_confirmation.auroc_high IS 'Upper end of the interval; NULL if it fires in fewer than 5 groups';

COMMENT ON COLUMN feature_domain.fires IS 'Those it fires in, as in feature_contrast';

COMMENT ON COLUMN context.sampled IS 'The one window of its document chosen by hash, a long one more often';

COMMENT ON TABLE feature_confirmation IS 'A feature in a contrast, chosen on one half of the documents and judged on the other; NULL where a half has fewer than 5 groups of a side';

COMMENT ON COLUMN feature_confirmation.auroc_low IS 'Lower end of its interval at level 0.95, bootstrap over groups';

UPDATE sae_contrast SET documents_hash = '', fms_root = NULL, fms_accuracy = NULL, fms_local_1 = NULL, fms_local_5 = NULL, fms_global = NULL, fms_1 = NULL, fms_5 = NULL;

DELETE FROM feature_contrast;

DELETE FROM feature_confirmation;

DELETE FROM feature_pair;

DELETE FROM feature_domain;

DELETE FROM feature_evidence;

DELETE FROM contrast_correlation;

CREATE TEMP TABLE drawn AS
SELECT document, tokenization, context, sampled
FROM context
QUALIFY ROW_NUMBER() OVER (
	PARTITION BY document, tokenization
	ORDER BY -ln((content_hash + CAST(1 AS DOUBLE)) / CAST(9223372036854775808 AS DOUBLE)) / tokens, ordinal
) = 1;

DELETE FROM drawn WHERE sampled;

UPDATE context SET sampled = drawn.context = context.context
FROM drawn
WHERE drawn.document = context.document
	AND drawn.tokenization = context.tokenization;

UPDATE feature_document SET window_max = 0
FROM drawn, sae
WHERE drawn.document = feature_document.document
	AND sae.tokenization = drawn.tokenization
	AND sae.sae = feature_document.sae;

CREATE TEMP TABLE peak AS
SELECT sae, feature, document, MAX(activation.activation) AS activation
FROM activation
JOIN drawn USING (context)
GROUP BY ALL;

UPDATE feature_document SET window_max = peak.activation
FROM peak
WHERE peak.sae = feature_document.sae
	AND peak.feature = feature_document.feature
	AND peak.document = feature_document.document;

DROP TABLE peak;

DROP TABLE drawn;
