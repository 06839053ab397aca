CREATE TABLE attention_contrast (
	contrast SMALLINT NOT NULL,
	sae SMALLINT NOT NULL,
	layer SMALLINT NOT NULL,
	head SMALLINT NOT NULL,
	measure VARCHAR NOT NULL,
	documents_positive INTEGER NOT NULL,
	documents_control INTEGER NOT NULL,
	mean_positive DOUBLE PRECISION NOT NULL,
	mean_control DOUBLE PRECISION NOT NULL,
	auroc DOUBLE PRECISION NOT NULL,
	p DOUBLE PRECISION NOT NULL,
	q DOUBLE PRECISION NOT NULL,
	PRIMARY KEY (contrast, sae, layer, head, measure)
);

COMMENT ON TABLE attention_contrast IS 'Whether a head looks elsewhere in positive than in control documents';

COMMENT ON COLUMN attention_contrast.contrast IS 'Contrast';

COMMENT ON COLUMN attention_contrast.sae IS 'SAE whose documents are compared; heads are its model''s';

COMMENT ON COLUMN attention_contrast.layer IS 'Block, from 0';

COMMENT ON COLUMN attention_contrast.head IS 'Head, from 0';

COMMENT ON COLUMN attention_contrast.measure IS 'Column of attention_summary that is compared';

COMMENT ON COLUMN attention_contrast.documents_positive IS 'Positive documents that have the measure';

COMMENT ON COLUMN attention_contrast.documents_control IS 'Control documents that have it';

COMMENT ON COLUMN attention_contrast.mean_positive IS 'Mean over the positive documents';

COMMENT ON COLUMN attention_contrast.mean_control IS 'Mean over the control documents';

COMMENT ON COLUMN attention_contrast.auroc IS 'Chance that a positive document has the larger one; ties half';

COMMENT ON COLUMN attention_contrast.p IS 'Two-sided rank-sum p, by exchanges of labels within groups';

COMMENT ON COLUMN attention_contrast.q IS 'False-discovery q over all heads and measures of the contrast';

CREATE TABLE attention_head (
	model SMALLINT NOT NULL,
	tokenization SMALLINT NOT NULL,
	corpus SMALLINT NOT NULL,
	layer SMALLINT NOT NULL,
	head SMALLINT NOT NULL,
	documents INTEGER NOT NULL,
	bos DOUBLE PRECISION,
	previous DOUBLE PRECISION,
	same DOUBLE PRECISION,
	induction DOUBLE PRECISION,
	term DOUBLE PRECISION,
	entropy DOUBLE PRECISION,
	PRIMARY KEY (model, tokenization, corpus, layer, head)
);

COMMENT ON TABLE attention_head IS 'What a head looks at in a corpus: means over the documents of attention_summary';

COMMENT ON COLUMN attention_head.model IS 'Model';

COMMENT ON COLUMN attention_head.tokenization IS 'How documents were cut into windows';

COMMENT ON COLUMN attention_head.corpus IS 'Corpus';

COMMENT ON COLUMN attention_head.layer IS 'Block, from 0';

COMMENT ON COLUMN attention_head.head IS 'Head, from 0';

COMMENT ON COLUMN attention_head.documents IS 'Documents that were looked at';

COMMENT ON COLUMN attention_head.bos IS 'Weight on BOS; NULL where windows have none: mean over documents';

COMMENT ON COLUMN attention_head.previous IS 'Weight on the token before: mean over documents';

COMMENT ON COLUMN attention_head.same IS 'Weight on earlier places of the same token; NULL where no token comes twice: mean over documents';

COMMENT ON COLUMN attention_head.induction IS 'Weight on what came after those places; NULL where no token comes twice: mean over documents';

COMMENT ON COLUMN attention_head.term IS 'Weight on the span of the document''s term, from the tokens after it; NULL without: mean over documents';

COMMENT ON COLUMN attention_head.entropy IS 'Entropy of the weights (nats): mean over documents';

CREATE TABLE attention_pair (
	direct_attribution INTEGER NOT NULL,
	layer SMALLINT NOT NULL,
	head SMALLINT NOT NULL,
	query SMALLINT NOT NULL,
	source SMALLINT NOT NULL,
	weight FLOAT NOT NULL,
	value DOUBLE PRECISION NOT NULL,
	PRIMARY KEY (direct_attribution, layer, head, query, source)
);

COMMENT ON TABLE attention_pair IS 'The pairs of positions whose attention weight matters most to a feature, the 256 largest by size';

COMMENT ON COLUMN attention_pair.direct_attribution IS 'What is taken apart';

COMMENT ON COLUMN attention_pair.layer IS 'Block of the head, from 0';

COMMENT ON COLUMN attention_pair.head IS 'Head, from 0';

COMMENT ON COLUMN attention_pair.query IS 'Position that looks, BOS being 0';

COMMENT ON COLUMN attention_pair.source IS 'Position that is looked at';

COMMENT ON COLUMN attention_pair.weight IS 'The head''s attention weight';

COMMENT ON COLUMN attention_pair.value IS 'Weight x gradient of the pre-activation by it';

CREATE TABLE attention_summary (
	model SMALLINT NOT NULL,
	tokenization SMALLINT NOT NULL,
	document INTEGER NOT NULL,
	layer SMALLINT NOT NULL,
	head SMALLINT NOT NULL,
	bos FLOAT,
	previous FLOAT,
	same FLOAT,
	induction FLOAT,
	term FLOAT,
	entropy FLOAT
);

COMMENT ON TABLE attention_summary IS 'What a head looks at in a document: means over its tokens';

COMMENT ON COLUMN attention_summary.model IS 'Model';

COMMENT ON COLUMN attention_summary.tokenization IS 'How the document was cut into windows';

COMMENT ON COLUMN attention_summary.document IS 'Document';

COMMENT ON COLUMN attention_summary.layer IS 'Block, from 0';

COMMENT ON COLUMN attention_summary.head IS 'Head, from 0';

COMMENT ON COLUMN attention_summary.bos IS 'Weight on BOS; NULL where windows have none';

COMMENT ON COLUMN attention_summary.previous IS 'Weight on the token before';

COMMENT ON COLUMN attention_summary.same IS 'Weight on earlier places of the same token; NULL where no token comes twice';

COMMENT ON COLUMN attention_summary.induction IS 'Weight on what came after those places; NULL where no token comes twice';

COMMENT ON COLUMN attention_summary.term IS 'Weight on the span of the document''s term, from the tokens after it; NULL without';

COMMENT ON COLUMN attention_summary.entropy IS 'Entropy of the weights (nats)';

CREATE TABLE direct_part (
	direct_attribution INTEGER NOT NULL,
	part INTEGER NOT NULL,
	kind VARCHAR NOT NULL,
	layer SMALLINT,
	head SMALLINT,
	source SMALLINT,
	value DOUBLE PRECISION NOT NULL,
	PRIMARY KEY (direct_attribution, part),
	CONSTRAINT direct_part_kind CHECK (kind IN ('token', 'position', 'head', 'mlp', 'attention_bias', 'encoder_bias'))
);

COMMENT ON TABLE direct_part IS 'What one part of the model adds to a feature''s pre-activation';

COMMENT ON COLUMN direct_part.direct_attribution IS 'What is taken apart';

COMMENT ON COLUMN direct_part.part IS 'Number of the part, from 0';

COMMENT ON COLUMN direct_part.kind IS 'What writes: token, position (embeddings), head, mlp, attention_bias (of a block), encoder_bias';

COMMENT ON COLUMN direct_part.layer IS 'Block, from 0; NULL for embeddings and the encoder';

COMMENT ON COLUMN direct_part.head IS 'Head, from 0 (kind head)';

COMMENT ON COLUMN direct_part.source IS 'Position that the head reads from, BOS being 0 (kind head)';

COMMENT ON COLUMN direct_part.value IS 'What it adds to the pre-activation';

CREATE TABLE patch_effect (
	patch_pair INTEGER NOT NULL,
	site INTEGER NOT NULL,
	kind VARCHAR NOT NULL,
	layer SMALLINT NOT NULL,
	position SMALLINT,
	head SMALLINT,
	sae SMALLINT,
	feature INTEGER,
	denoised DOUBLE PRECISION NOT NULL,
	noised DOUBLE PRECISION NOT NULL,
	denoised_effect FLOAT,
	noised_effect FLOAT,
	denoised_estimate DOUBLE PRECISION NOT NULL,
	noised_estimate DOUBLE PRECISION NOT NULL,
	PRIMARY KEY (patch_pair, site)
);

COMMENT ON TABLE patch_effect IS 'What one site carries: a value of one prompt''s run in the place of the other''s (0 corrupted, 1 clean)';

COMMENT ON COLUMN patch_effect.patch_pair IS 'Pair of prompts';

COMMENT ON COLUMN patch_effect.site IS 'Number of the site in its pair, from 0';

COMMENT ON COLUMN patch_effect.kind IS 'What is exchanged: resid_pre, z (what a head reads), attn_out, mlp_out, resid_post, ... or feature';

COMMENT ON COLUMN patch_effect.layer IS 'Block of the hook point, from 0';

COMMENT ON COLUMN patch_effect.position IS 'Position, BOS being 0; NULL: every position at once';

COMMENT ON COLUMN patch_effect.head IS 'Head, from 0 (kind z)';

COMMENT ON COLUMN patch_effect.sae IS 'SAE of the feature that is exchanged (kind feature)';

COMMENT ON COLUMN patch_effect.feature IS 'Its zero-based index; the SAE''s error stays as it is';

COMMENT ON COLUMN patch_effect.denoised IS 'Metric of the corrupted run with the clean value there';

COMMENT ON COLUMN patch_effect.noised IS 'Metric of the clean run with the corrupted value there';

COMMENT ON COLUMN patch_effect.denoised_effect IS '(denoised - corrupted_value) / (clean_value - corrupted_value)';

COMMENT ON COLUMN patch_effect.noised_effect IS '(noised - corrupted_value) / (clean_value - corrupted_value)';

COMMENT ON COLUMN patch_effect.denoised_estimate IS 'denoised, as the corrupted run''s gradient has it';

COMMENT ON COLUMN patch_effect.noised_estimate IS 'noised, as the clean run''s gradient has it';

CREATE TABLE direct_attribution (
	direct_attribution INTEGER NOT NULL,
	ingest_run INTEGER NOT NULL,
	sae SMALLINT NOT NULL,
	feature INTEGER NOT NULL,
	document INTEGER,
	ordinal INTEGER NOT NULL,
	text VARCHAR NOT NULL,
	tokens JSON NOT NULL,
	first_position SMALLINT NOT NULL,
	position SMALLINT NOT NULL,
	pre_activation DOUBLE PRECISION NOT NULL,
	residual DOUBLE PRECISION NOT NULL,
	pair_total DOUBLE PRECISION NOT NULL,
	identity VARCHAR NOT NULL,
	PRIMARY KEY (direct_attribution),
	FOREIGN KEY(ingest_run) REFERENCES ingest_run (ingest_run),
	UNIQUE (identity)
);

COMMENT ON TABLE direct_attribution IS 'A feature''s pre-activation at a position, taken apart into what each part of the model writes';

COMMENT ON COLUMN direct_attribution.direct_attribution IS 'Key';

COMMENT ON COLUMN direct_attribution.ingest_run IS 'Run that computed it';

COMMENT ON COLUMN direct_attribution.sae IS 'SAE';

COMMENT ON COLUMN direct_attribution.feature IS 'Feature whose pre-activation is taken apart, zero-based';

COMMENT ON COLUMN direct_attribution.document IS 'Document of the prompt; NULL where it was given by hand';

COMMENT ON COLUMN direct_attribution.ordinal IS 'Window of the document, from 0';

COMMENT ON COLUMN direct_attribution.text IS 'The prompt, as far as the position';

COMMENT ON COLUMN direct_attribution.tokens IS 'Texts of its tokens, BOS left out';

COMMENT ON COLUMN direct_attribution.first_position IS 'Position of the first token, 1 after BOS, else 0';

COMMENT ON COLUMN direct_attribution.position IS 'Position that is read, BOS being 0';

COMMENT ON COLUMN direct_attribution.pre_activation IS 'What the feature''s encoder reads there';

COMMENT ON COLUMN direct_attribution.residual IS 'pre_activation - the sum of the parts: rounding';

COMMENT ON COLUMN direct_attribution.pair_total IS 'Sum of weight x gradient over all pairs of positions';

COMMENT ON COLUMN direct_attribution.identity IS 'Hash of all it depends on: makes a rerun free';

CREATE TABLE patch_pair (
	patch_pair INTEGER NOT NULL,
	ingest_run INTEGER NOT NULL,
	model SMALLINT NOT NULL,
	metric VARCHAR NOT NULL,
	sae SMALLINT,
	feature INTEGER,
	target_id INTEGER,
	target VARCHAR,
	against_id INTEGER,
	against VARCHAR,
	template VARCHAR,
	document INTEGER,
	corrupted_document INTEGER,
	clean_text VARCHAR NOT NULL,
	corrupted_text VARCHAR NOT NULL,
	clean_tokens JSON NOT NULL,
	corrupted_tokens JSON NOT NULL,
	first_position SMALLINT NOT NULL,
	position SMALLINT NOT NULL,
	clean_value DOUBLE PRECISION NOT NULL,
	corrupted_value DOUBLE PRECISION NOT NULL,
	least_difference DOUBLE PRECISION NOT NULL,
	denoised_agreement DOUBLE PRECISION,
	noised_agreement DOUBLE PRECISION,
	identity VARCHAR NOT NULL,
	PRIMARY KEY (patch_pair),
	CONSTRAINT patch_pair_metric CHECK (metric IN ('pre_activation', 'logit', 'logit_difference')),
	FOREIGN KEY(ingest_run) REFERENCES ingest_run (ingest_run),
	UNIQUE (identity)
);

COMMENT ON TABLE patch_pair IS 'Two prompts of one length whose values are exchanged, site by site, and what is read of each';

COMMENT ON COLUMN patch_pair.patch_pair IS 'Key';

COMMENT ON COLUMN patch_pair.ingest_run IS 'Run that computed it';

COMMENT ON COLUMN patch_pair.model IS 'Model';

COMMENT ON COLUMN patch_pair.metric IS 'What is read: pre_activation, logit or logit_difference';

COMMENT ON COLUMN patch_pair.sae IS 'SAE of the feature that is read; NULL for logits';

COMMENT ON COLUMN patch_pair.feature IS 'Feature whose pre-activation is read, zero-based; NULL for logits';

COMMENT ON COLUMN patch_pair.target_id IS 'Token whose logit is read; NULL for a feature';

COMMENT ON COLUMN patch_pair.target IS 'Its text';

COMMENT ON COLUMN patch_pair.against_id IS 'Token whose logit is taken from it (logit_difference)';

COMMENT ON COLUMN patch_pair.against IS 'Its text';

COMMENT ON COLUMN patch_pair.template IS 'What both documents were made of; NULL where the prompts were given by hand';

COMMENT ON COLUMN patch_pair.document IS 'Document of the clean prompt; NULL where it was given by hand';

COMMENT ON COLUMN patch_pair.corrupted_document IS 'Document of the corrupted prompt; NULL where it was given by hand';

COMMENT ON COLUMN patch_pair.clean_text IS 'Clean prompt, as far as the position that is read';

COMMENT ON COLUMN patch_pair.corrupted_text IS 'Corrupted prompt, as far as there';

COMMENT ON COLUMN patch_pair.clean_tokens IS 'Texts of its tokens, BOS left out';

COMMENT ON COLUMN patch_pair.corrupted_tokens IS 'Texts of the tokens of the other';

COMMENT ON COLUMN patch_pair.first_position IS 'Position of the first token, 1 after BOS, else 0';

COMMENT ON COLUMN patch_pair.position IS 'Position that is read, BOS being 0';

COMMENT ON COLUMN patch_pair.clean_value IS 'Metric on the clean prompt';

COMMENT ON COLUMN patch_pair.corrupted_value IS 'Metric on the corrupted prompt';

COMMENT ON COLUMN patch_pair.least_difference IS 'Where the two values are no further apart, effects are NULL: 0.001 of the feature''s largest activation, 0.01 for logits';

COMMENT ON COLUMN patch_pair.denoised_agreement IS 'Spearman''s correlation over single sites of denoised with what gradients estimate; NULL where one does not vary';

COMMENT ON COLUMN patch_pair.noised_agreement IS 'The same of noised';

COMMENT ON COLUMN patch_pair.identity IS 'Hash of all it depends on: makes a rerun free';
