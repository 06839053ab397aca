CREATE TABLE activation (
	sae SMALLINT NOT NULL,
	feature INTEGER NOT NULL,
	context INTEGER NOT NULL,
	position SMALLINT NOT NULL,
	activation REAL NOT NULL
);

COMMENT ON TABLE activation IS 'Every activation above 0 on a token that is not BOS';

COMMENT ON COLUMN activation.sae IS 'SAE of the feature';

COMMENT ON COLUMN activation.feature IS 'Zero-based index in the SAE';

COMMENT ON COLUMN activation.context IS 'Window';

COMMENT ON COLUMN activation.position IS 'Position in the window, BOS being 0';

COMMENT ON COLUMN activation.activation IS 'Activation, above 0';

CREATE TABLE contrast (
	contrast SMALLINT NOT NULL,
	name VARCHAR NOT NULL,
	positive JSON NOT NULL,
	control JSON NOT NULL,
	unit VARCHAR NOT NULL,
	PRIMARY KEY (contrast),
	CONSTRAINT contrast_unit CHECK (unit IN ('document', 'window')),
	UNIQUE (name)
);

COMMENT ON TABLE contrast IS 'A question: which features fire on these documents and not on those';

COMMENT ON COLUMN contrast.contrast IS 'Key';

COMMENT ON COLUMN contrast.name IS 'Name it is asked for by';

COMMENT ON COLUMN contrast.positive IS 'Sets of the positive documents: corpora, domain=D, term=T';

COMMENT ON COLUMN contrast.control IS 'Sets of the control documents';

COMMENT ON COLUMN contrast.unit IS 'document: maximum over all its tokens; window: over one window chosen by hash';

CREATE TABLE corpus (
	corpus SMALLINT NOT NULL,
	name VARCHAR NOT NULL,
	domain VARCHAR NOT NULL,
	PRIMARY KEY (corpus),
	UNIQUE (name)
);

COMMENT ON TABLE corpus IS 'A named collection of documents of one domain';

COMMENT ON COLUMN corpus.corpus IS 'Key';

COMMENT ON COLUMN corpus.name IS 'Name: STEM or STEM/DOMAIN of its source';

COMMENT ON COLUMN corpus.domain IS 'What its documents are about';

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
	split VARCHAR NOT NULL,
	content_hash VARCHAR NOT NULL,
	PRIMARY KEY (document),
	UNIQUE (corpus, content_hash),
	CONSTRAINT document_split CHECK (split IN ('discovery', 'confirmation')),
	CONSTRAINT document_term_span CHECK (term IS NULL OR (0 <= term_start AND term_start < term_end))
);

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

COMMENT ON COLUMN document.split IS 'discovery or confirmation, by hash of the template or the text';

COMMENT ON COLUMN document.content_hash IS 'BLAKE2b-128 of the text, hexadecimal';

CREATE TABLE feature_document (
	sae SMALLINT NOT NULL,
	feature INTEGER NOT NULL,
	document INTEGER NOT NULL,
	max_activation REAL NOT NULL,
	sum_activation DOUBLE PRECISION NOT NULL,
	active_tokens INTEGER NOT NULL,
	window_max REAL NOT NULL
);

COMMENT ON TABLE feature_document IS 'A feature on a document, where it fires at all';

COMMENT ON COLUMN feature_document.sae IS 'SAE of the feature';

COMMENT ON COLUMN feature_document.feature IS 'Zero-based index in the SAE';

COMMENT ON COLUMN feature_document.document IS 'Document';

COMMENT ON COLUMN feature_document.max_activation IS 'Maximum over the document''s tokens';

COMMENT ON COLUMN feature_document.sum_activation IS 'Sum over the document''s tokens';

COMMENT ON COLUMN feature_document.active_tokens IS 'Tokens it fires on';

COMMENT ON COLUMN feature_document.window_max IS 'Maximum over the one window chosen by hash; 0 if silent there';

CREATE TABLE feature_example (
	sae SMALLINT NOT NULL,
	corpus SMALLINT NOT NULL,
	feature INTEGER NOT NULL,
	sampling VARCHAR NOT NULL,
	octave SMALLINT NOT NULL,
	rank SMALLINT NOT NULL,
	context INTEGER NOT NULL,
	position SMALLINT NOT NULL,
	activation REAL NOT NULL,
	CONSTRAINT feature_example_sampling CHECK (sampling IN ('top', 'octave'))
);

COMMENT ON TABLE feature_example IS 'Windows that show a feature, with how they were sampled';

COMMENT ON COLUMN feature_example.sae IS 'SAE of the feature';

COMMENT ON COLUMN feature_example.corpus IS 'Corpus';

COMMENT ON COLUMN feature_example.feature IS 'Zero-based index in the SAE';

COMMENT ON COLUMN feature_example.sampling IS 'top: largest maxima; octave: smallest content hash among windows whose maximum is in the octave';

COMMENT ON COLUMN feature_example.octave IS 'floor(log2 of the window''s maximum)';

COMMENT ON COLUMN feature_example.rank IS '1 is first, within the sampling (and octave)';

COMMENT ON COLUMN feature_example.context IS 'Window';

COMMENT ON COLUMN feature_example.position IS 'Position of the maximum';

COMMENT ON COLUMN feature_example.activation IS 'The maximum';

CREATE TABLE feature_histogram (
	sae SMALLINT NOT NULL,
	corpus SMALLINT NOT NULL,
	feature INTEGER NOT NULL,
	bin SMALLINT NOT NULL,
	tokens BIGINT NOT NULL
);

COMMENT ON TABLE feature_histogram IS 'Histogram of a feature''s activations, eight bins to the octave';

COMMENT ON COLUMN feature_histogram.sae IS 'SAE of the feature';

COMMENT ON COLUMN feature_histogram.corpus IS 'Corpus';

COMMENT ON COLUMN feature_histogram.feature IS 'Zero-based index in the SAE';

COMMENT ON COLUMN feature_histogram.bin IS 'floor(8 log2 activation)';

COMMENT ON COLUMN feature_histogram.tokens IS 'Tokens in the bin';

CREATE TABLE feature_token (
	sae SMALLINT NOT NULL,
	corpus SMALLINT NOT NULL,
	feature INTEGER NOT NULL,
	token_id INTEGER NOT NULL,
	active_tokens BIGINT NOT NULL,
	sum_activation DOUBLE PRECISION NOT NULL
);

COMMENT ON TABLE feature_token IS 'Which tokens a feature fires on';

COMMENT ON COLUMN feature_token.sae IS 'SAE of the feature';

COMMENT ON COLUMN feature_token.corpus IS 'Corpus';

COMMENT ON COLUMN feature_token.feature IS 'Zero-based index in the SAE';

COMMENT ON COLUMN feature_token.token_id IS 'Token id, in the vocabulary of the SAE''s tokenization';

COMMENT ON COLUMN feature_token.active_tokens IS 'Times it fires on the token';

COMMENT ON COLUMN feature_token.sum_activation IS 'Sum of its activations on the token';

CREATE TABLE ingest_run (
	ingest_run INTEGER NOT NULL,
	command VARCHAR NOT NULL,
	status VARCHAR NOT NULL,
	started_at TIMESTAMP WITHOUT TIME ZONE NOT NULL,
	finished_at TIMESTAMP WITHOUT TIME ZONE,
	arguments JSON NOT NULL,
	versions JSON NOT NULL,
	device VARCHAR NOT NULL,
	documents INTEGER NOT NULL,
	documents_known INTEGER NOT NULL,
	documents_skipped INTEGER NOT NULL,
	tokens BIGINT NOT NULL,
	activations BIGINT NOT NULL,
	seconds FLOAT(53),
	tokens_per_second FLOAT(53),
	error VARCHAR,
	PRIMARY KEY (ingest_run),
	CONSTRAINT ingest_run_status CHECK (status IN ('running', 'done', 'failed'))
);

COMMENT ON TABLE ingest_run IS 'One job: what ran, when, with which versions, and how it went';

COMMENT ON COLUMN ingest_run.ingest_run IS 'Key';

COMMENT ON COLUMN ingest_run.command IS 'What ran: ingest, contrast, remove, ...';

COMMENT ON COLUMN ingest_run.status IS 'running, done or failed';

COMMENT ON COLUMN ingest_run.started_at IS 'Start (UTC)';

COMMENT ON COLUMN ingest_run.finished_at IS 'End (UTC); NULL while running or after a kill';

COMMENT ON COLUMN ingest_run.arguments IS 'Arguments of the job';

COMMENT ON COLUMN ingest_run.versions IS 'Versions of Python and the packages used';

COMMENT ON COLUMN ingest_run.device IS 'Where the model ran';

COMMENT ON COLUMN ingest_run.documents IS 'Documents encoded';

COMMENT ON COLUMN ingest_run.documents_known IS 'Documents already encoded';

COMMENT ON COLUMN ingest_run.documents_skipped IS 'Bad documents skipped';

COMMENT ON COLUMN ingest_run.tokens IS 'Tokens encoded, BOS left out';

COMMENT ON COLUMN ingest_run.activations IS 'Activation rows written';

COMMENT ON COLUMN ingest_run.seconds IS 'Wall-clock seconds';

COMMENT ON COLUMN ingest_run.tokens_per_second IS 'Throughput over the whole run';

COMMENT ON COLUMN ingest_run.error IS 'The error that ended a failed run';

CREATE TABLE migration (
	migration INTEGER NOT NULL,
	name VARCHAR NOT NULL,
	applied_at TIMESTAMP WITHOUT TIME ZONE NOT NULL,
	PRIMARY KEY (migration)
);

COMMENT ON TABLE migration IS 'Schema migrations applied to this file';

COMMENT ON COLUMN migration.migration IS 'Number of the migration';

COMMENT ON COLUMN migration.name IS 'Name of the migration module';

COMMENT ON COLUMN migration.applied_at IS 'When it was applied (UTC)';

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
	PRIMARY KEY (model),
	UNIQUE (weights_sha256, center_writing_weights, fold_ln, center_unembed)
);

COMMENT ON TABLE model IS 'A language model, with how its weights were processed';

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

CREATE TABLE token (
	context INTEGER NOT NULL,
	position SMALLINT NOT NULL,
	token_id INTEGER NOT NULL,
	text VARCHAR NOT NULL,
	char_start INTEGER NOT NULL,
	char_end INTEGER NOT NULL
);

COMMENT ON TABLE token IS 'Each token with its character span';

COMMENT ON COLUMN token.context IS 'Window';

COMMENT ON COLUMN token.position IS 'Position in the window; 0 is BOS where it is prepended, and has no row';

COMMENT ON COLUMN token.token_id IS 'Token id';

COMMENT ON COLUMN token.text IS 'Text of the token';

COMMENT ON COLUMN token.char_start IS 'First character in the document';

COMMENT ON COLUMN token.char_end IS 'Character after it; spans of a split character overlap';

CREATE TABLE tokenization (
	tokenization SMALLINT NOT NULL,
	tokenizer VARCHAR NOT NULL,
	tokenizer_sha256 VARCHAR NOT NULL,
	context_size SMALLINT NOT NULL,
	prepend_bos BOOLEAN NOT NULL,
	PRIMARY KEY (tokenization),
	UNIQUE (tokenizer_sha256, context_size, prepend_bos),
	CONSTRAINT tokenization_context_size CHECK (context_size > 1)
);

COMMENT ON TABLE tokenization IS 'A way to cut text into tokens and windows';

COMMENT ON COLUMN tokenization.tokenization IS 'Key';

COMMENT ON COLUMN tokenization.tokenizer IS 'Name of the tokenizer';

COMMENT ON COLUMN tokenization.tokenizer_sha256 IS 'SHA-256 of the tokenizer''s definition';

COMMENT ON COLUMN tokenization.context_size IS 'Longest window, tokens, BOS included';

COMMENT ON COLUMN tokenization.prepend_bos IS 'Every window begins with BOS, at position 0';

CREATE TABLE context (
	context INTEGER NOT NULL,
	document INTEGER NOT NULL,
	tokenization SMALLINT NOT NULL,
	ordinal INTEGER NOT NULL,
	tokens SMALLINT NOT NULL,
	sampled BOOLEAN NOT NULL,
	content_hash BIGINT NOT NULL,
	PRIMARY KEY (context),
	CONSTRAINT context_tokens CHECK (tokens > 0),
	FOREIGN KEY(tokenization) REFERENCES tokenization (tokenization)
);

COMMENT ON TABLE context IS 'A window of a document; windows do not overlap';

COMMENT ON COLUMN context.context IS 'Key';

COMMENT ON COLUMN context.document IS 'Document it is a window of';

COMMENT ON COLUMN context.tokenization IS 'How it was cut';

COMMENT ON COLUMN context.ordinal IS 'Number of the window in its document, from 0';

COMMENT ON COLUMN context.tokens IS 'Tokens, BOS left out';

COMMENT ON COLUMN context.sampled IS 'The one window of its document chosen by hash';

COMMENT ON COLUMN context.content_hash IS 'Hash of document text and ordinal: the order of unbiased samples';

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
	PRIMARY KEY (sae),
	UNIQUE (release, sae_id, model, tokenization, weights_sha256),
	CONSTRAINT sae_logit_weights CHECK (logit_weights IN ('plain', 'cosine')),
	FOREIGN KEY(model) REFERENCES model (model),
	FOREIGN KEY(tokenization) REFERENCES tokenization (tokenization)
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

CREATE TABLE vocabulary (
	tokenization SMALLINT NOT NULL,
	token_id INTEGER NOT NULL,
	text VARCHAR NOT NULL,
	PRIMARY KEY (tokenization, token_id),
	FOREIGN KEY(tokenization) REFERENCES tokenization (tokenization)
);

COMMENT ON TABLE vocabulary IS 'The text of each token id';

COMMENT ON COLUMN vocabulary.tokenization IS 'Tokenization it belongs to';

COMMENT ON COLUMN vocabulary.token_id IS 'Token id';

COMMENT ON COLUMN vocabulary.text IS 'Text of the token; a broken character shows as U+FFFD';

CREATE TABLE bos_activation (
	sae SMALLINT NOT NULL,
	feature INTEGER NOT NULL,
	activation REAL NOT NULL,
	PRIMARY KEY (sae, feature),
	FOREIGN KEY(sae) REFERENCES sae (sae)
);

COMMENT ON TABLE bos_activation IS 'Activations on BOS at position 0, which never vary';

COMMENT ON COLUMN bos_activation.sae IS 'SAE of the feature';

COMMENT ON COLUMN bos_activation.feature IS 'Zero-based index in the SAE';

COMMENT ON COLUMN bos_activation.activation IS 'Activation on BOS at position 0, above 0';

CREATE TABLE coverage (
	sae SMALLINT NOT NULL,
	document INTEGER NOT NULL,
	ingest_run INTEGER NOT NULL,
	tokens INTEGER NOT NULL,
	contexts INTEGER NOT NULL,
	summed BOOLEAN NOT NULL,
	PRIMARY KEY (sae, document),
	FOREIGN KEY(sae) REFERENCES sae (sae),
	FOREIGN KEY(ingest_run) REFERENCES ingest_run (ingest_run)
);

COMMENT ON TABLE coverage IS 'Which SAE has encoded which document: what makes a rerun free and a crash harmless';

COMMENT ON COLUMN coverage.sae IS 'SAE';

COMMENT ON COLUMN coverage.document IS 'Document it has encoded';

COMMENT ON COLUMN coverage.ingest_run IS 'Run that did it';

COMMENT ON COLUMN coverage.tokens IS 'Tokens encoded, BOS left out';

COMMENT ON COLUMN coverage.contexts IS 'Windows encoded';

COMMENT ON COLUMN coverage.summed IS 'Its activations are in the sums below';

CREATE TABLE feature (
	sae SMALLINT NOT NULL,
	feature INTEGER NOT NULL,
	log_sparsity REAL,
	decoder_norm REAL NOT NULL,
	logit_mean REAL NOT NULL,
	logit_std REAL NOT NULL,
	logit_skewness REAL,
	logit_kurtosis REAL,
	top_logits JSON NOT NULL,
	bottom_logits JSON NOT NULL,
	PRIMARY KEY (sae, feature),
	CONSTRAINT feature_index CHECK (feature >= 0),
	FOREIGN KEY(sae) REFERENCES sae (sae)
);

COMMENT ON TABLE feature IS 'A feature of an SAE, with the moments of its logit weights W_dec @ W_U';

COMMENT ON COLUMN feature.sae IS 'SAE it belongs to';

COMMENT ON COLUMN feature.feature IS 'Zero-based index in the SAE';

COMMENT ON COLUMN feature.log_sparsity IS 'log10 of its density in training, as the SAE ships it';

COMMENT ON COLUMN feature.decoder_norm IS 'Length of its decoder row';

COMMENT ON COLUMN feature.logit_mean IS 'Mean of its logit weights';

COMMENT ON COLUMN feature.logit_std IS 'Population standard deviation of its logit weights';

COMMENT ON COLUMN feature.logit_skewness IS 'Skewness E[z^3] of its logit weights';

COMMENT ON COLUMN feature.logit_kurtosis IS 'Kurtosis E[z^4] of its logit weights (3 for a normal)';

COMMENT ON COLUMN feature.top_logits IS 'Tokens it raises most: [[text, weight], ...]';

COMMENT ON COLUMN feature.bottom_logits IS 'Tokens it lowers most: [[text, weight], ...]';

CREATE TABLE feature_contrast (
	contrast SMALLINT NOT NULL,
	sae SMALLINT NOT NULL,
	feature INTEGER NOT NULL,
	fires_positive INTEGER NOT NULL,
	fires_control INTEGER NOT NULL,
	mean_positive DOUBLE PRECISION NOT NULL,
	mean_control DOUBLE PRECISION NOT NULL,
	mean_difference DOUBLE PRECISION NOT NULL,
	study_positive DOUBLE PRECISION NOT NULL,
	study_control DOUBLE PRECISION NOT NULL,
	study_difference DOUBLE PRECISION NOT NULL,
	study_kept BOOLEAN NOT NULL,
	auroc DOUBLE PRECISION NOT NULL,
	p DOUBLE PRECISION NOT NULL,
	q DOUBLE PRECISION,
	PRIMARY KEY (contrast, sae, feature),
	FOREIGN KEY(sae) REFERENCES sae (sae)
);

COMMENT ON TABLE feature_contrast IS 'A feature in a contrast, where it fires at all';

COMMENT ON COLUMN feature_contrast.contrast IS 'Contrast';

COMMENT ON COLUMN feature_contrast.sae IS 'SAE of the feature';

COMMENT ON COLUMN feature_contrast.feature IS 'Zero-based index in the SAE';

COMMENT ON COLUMN feature_contrast.fires_positive IS 'Positive documents it fires in';

COMMENT ON COLUMN feature_contrast.fires_control IS 'Control documents it fires in';

COMMENT ON COLUMN feature_contrast.mean_positive IS 'Mean over positive documents of their mean activation, BOS left out';

COMMENT ON COLUMN feature_contrast.mean_control IS 'The same over control documents';

COMMENT ON COLUMN feature_contrast.mean_difference IS 'mean_positive - mean_control';

COMMENT ON COLUMN feature_contrast.study_positive IS 'mean_positive with BOS counted, as the study printed it';

COMMENT ON COLUMN feature_contrast.study_control IS 'mean_control with BOS counted, as the study printed it';

COMMENT ON COLUMN feature_contrast.study_difference IS 'study_positive - study_control';

COMMENT ON COLUMN feature_contrast.study_kept IS 'Positive mean and difference, and within 2 sample std of the mean of such differences';

COMMENT ON COLUMN feature_contrast.auroc IS 'Chance that a positive document outranks a control one; ties count half';

COMMENT ON COLUMN feature_contrast.p IS 'Two-sided rank-sum p, asymptotic, with tie and continuity correction';

COMMENT ON COLUMN feature_contrast.q IS 'Benjamini-Hochberg q over the tested features; NULL if not tested';

CREATE TABLE feature_corpus (
	sae SMALLINT NOT NULL,
	corpus SMALLINT NOT NULL,
	feature INTEGER NOT NULL,
	documents INTEGER NOT NULL,
	active_tokens BIGINT NOT NULL,
	sum_1 DOUBLE PRECISION NOT NULL,
	sum_2 DOUBLE PRECISION NOT NULL,
	sum_3 DOUBLE PRECISION NOT NULL,
	sum_4 DOUBLE PRECISION NOT NULL,
	max_activation REAL NOT NULL,
	density DOUBLE PRECISION,
	mean DOUBLE PRECISION,
	std DOUBLE PRECISION,
	skewness DOUBLE PRECISION,
	kurtosis DOUBLE PRECISION,
	mean_active DOUBLE PRECISION,
	std_active DOUBLE PRECISION,
	PRIMARY KEY (sae, corpus, feature),
	FOREIGN KEY(sae) REFERENCES sae (sae)
);

COMMENT ON TABLE feature_corpus IS 'A feature on a corpus, where it fires at all: sums, and the moments that follow';

COMMENT ON COLUMN feature_corpus.sae IS 'SAE of the feature';

COMMENT ON COLUMN feature_corpus.corpus IS 'Corpus';

COMMENT ON COLUMN feature_corpus.feature IS 'Zero-based index in the SAE';

COMMENT ON COLUMN feature_corpus.documents IS 'Documents it fires in';

COMMENT ON COLUMN feature_corpus.active_tokens IS 'Tokens it fires on';

COMMENT ON COLUMN feature_corpus.sum_1 IS 'Sum of activations';

COMMENT ON COLUMN feature_corpus.sum_2 IS 'Sum of squares';

COMMENT ON COLUMN feature_corpus.sum_3 IS 'Sum of cubes';

COMMENT ON COLUMN feature_corpus.sum_4 IS 'Sum of fourth powers';

COMMENT ON COLUMN feature_corpus.max_activation IS 'Maximum';

COMMENT ON COLUMN feature_corpus.density IS 'Share of tokens it fires on';

COMMENT ON COLUMN feature_corpus.mean IS 'Mean over all tokens, zeros included';

COMMENT ON COLUMN feature_corpus.std IS 'Population standard deviation over all tokens';

COMMENT ON COLUMN feature_corpus.skewness IS 'Skewness over all tokens';

COMMENT ON COLUMN feature_corpus.kurtosis IS 'Kurtosis over all tokens (3 for a normal)';

COMMENT ON COLUMN feature_corpus.mean_active IS 'Mean over the tokens it fires on';

COMMENT ON COLUMN feature_corpus.std_active IS 'Population standard deviation over the tokens it fires on';

CREATE TABLE sae_contrast (
	contrast SMALLINT NOT NULL,
	sae SMALLINT NOT NULL,
	documents_positive INTEGER NOT NULL,
	documents_control INTEGER NOT NULL,
	features_tested INTEGER NOT NULL,
	documents_hash VARCHAR NOT NULL,
	PRIMARY KEY (contrast, sae),
	FOREIGN KEY(sae) REFERENCES sae (sae)
);

COMMENT ON TABLE sae_contrast IS 'A contrast computed for an SAE: how many documents and features it compared';

COMMENT ON COLUMN sae_contrast.contrast IS 'Contrast';

COMMENT ON COLUMN sae_contrast.sae IS 'SAE';

COMMENT ON COLUMN sae_contrast.documents_positive IS 'Positive documents';

COMMENT ON COLUMN sae_contrast.documents_control IS 'Control documents';

COMMENT ON COLUMN sae_contrast.features_tested IS 'Features that fire in at least 5 documents: what q corrects for';

COMMENT ON COLUMN sae_contrast.documents_hash IS 'Hash of the documents compared: what makes a rerun free';

CREATE TABLE sae_corpus (
	sae SMALLINT NOT NULL,
	corpus SMALLINT NOT NULL,
	documents INTEGER NOT NULL,
	contexts INTEGER NOT NULL,
	tokens BIGINT NOT NULL,
	activations BIGINT NOT NULL,
	PRIMARY KEY (sae, corpus),
	FOREIGN KEY(sae) REFERENCES sae (sae)
);

COMMENT ON TABLE sae_corpus IS 'How much of a corpus an SAE''s sums hold: the denominators of feature_corpus';

COMMENT ON COLUMN sae_corpus.sae IS 'SAE';

COMMENT ON COLUMN sae_corpus.corpus IS 'Corpus';

COMMENT ON COLUMN sae_corpus.documents IS 'Documents summed';

COMMENT ON COLUMN sae_corpus.contexts IS 'Windows summed';

COMMENT ON COLUMN sae_corpus.tokens IS 'Tokens summed, BOS left out';

COMMENT ON COLUMN sae_corpus.activations IS 'Activations above 0; over tokens it is L0';
