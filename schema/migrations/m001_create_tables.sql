-- Version 1: the tables of the first release.

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

CREATE TABLE prompt_filter (
	explanation INTEGER NOT NULL,
	term VARCHAR NOT NULL,
	rank SMALLINT NOT NULL,
	study_tokens JSON,
	study_kept BOOLEAN,
	PRIMARY KEY (explanation)
);

COMMENT ON TABLE prompt_filter IS 'The study''s filter of prompts, done right and as it ran';

COMMENT ON COLUMN prompt_filter.explanation IS 'Explanation of the prompt''s prediction (question token)';

COMMENT ON COLUMN prompt_filter.term IS 'The concept that the document names';

COMMENT ON COLUMN prompt_filter.rank IS 'Best rank by |value| of a token on the term: it is among the top k where rank <= k';

COMMENT ON COLUMN prompt_filter.study_tokens IS 'Tokens that the study''s rule looks at; NULL where it was not run';

COMMENT ON COLUMN prompt_filter.study_kept IS 'Whether the study''s rule, as it ran, keeps the prompt';

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

CREATE TABLE token_attribution (
	explanation INTEGER NOT NULL,
	position SMALLINT NOT NULL,
	token_id INTEGER NOT NULL,
	text VARCHAR NOT NULL,
	char_start INTEGER NOT NULL,
	char_end INTEGER NOT NULL,
	value DOUBLE PRECISION NOT NULL,
	standard_error DOUBLE PRECISION,
	rank SMALLINT NOT NULL,
	PRIMARY KEY (explanation, position)
);

COMMENT ON TABLE token_attribution IS 'What a token of a prompt owes';

COMMENT ON COLUMN token_attribution.explanation IS 'Explanation';

COMMENT ON COLUMN token_attribution.position IS 'Position of the token, BOS being 0';

COMMENT ON COLUMN token_attribution.token_id IS 'Token id';

COMMENT ON COLUMN token_attribution.text IS 'Text of the token';

COMMENT ON COLUMN token_attribution.char_start IS 'First character in the document, or prompt';

COMMENT ON COLUMN token_attribution.char_end IS 'Character after it';

COMMENT ON COLUMN token_attribution.value IS 'Shapley value: its share of full_value - base_value';

COMMENT ON COLUMN token_attribution.standard_error IS 'Standard error of the value; NULL where it is exact or not known';

COMMENT ON COLUMN token_attribution.rank IS 'Place by |value|, 1 being the largest; ties by position';

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

CREATE TABLE contrast_correlation (
	contrast SMALLINT NOT NULL,
	sae SMALLINT NOT NULL,
	moment VARCHAR NOT NULL,
	evidence VARCHAR NOT NULL,
	features INTEGER NOT NULL,
	rho DOUBLE PRECISION,
	low DOUBLE PRECISION,
	high DOUBLE PRECISION,
	rho_given_frequency DOUBLE PRECISION,
	PRIMARY KEY (contrast, sae, moment, evidence),
	FOREIGN KEY(sae) REFERENCES sae (sae)
);

COMMENT ON TABLE contrast_correlation IS 'Whether the moments of logit weights go with evidence of one meaning: the study''s hypothesis';

COMMENT ON COLUMN contrast_correlation.contrast IS 'Contrast';

COMMENT ON COLUMN contrast_correlation.sae IS 'SAE';

COMMENT ON COLUMN contrast_correlation.moment IS 'Column of feature: logit_std, logit_skewness or logit_kurtosis';

COMMENT ON COLUMN contrast_correlation.evidence IS 'Column of feature_evidence or feature_confirmation';

COMMENT ON COLUMN contrast_correlation.features IS 'Tested features for which both are known';

COMMENT ON COLUMN contrast_correlation.rho IS 'Spearman''s rank correlation';

COMMENT ON COLUMN contrast_correlation.low IS 'Lower end of its interval at level 0.95 (Bonett and Wright 2000)';

COMMENT ON COLUMN contrast_correlation.high IS 'Upper end';

COMMENT ON COLUMN contrast_correlation.rho_given_frequency IS 'The same with the number of active tokens held fixed';

CREATE TABLE contrast_null (
	contrast SMALLINT NOT NULL,
	sae SMALLINT NOT NULL,
	shuffle INTEGER NOT NULL,
	seed INTEGER NOT NULL,
	min_p DOUBLE PRECISION NOT NULL,
	max_auroc DOUBLE PRECISION NOT NULL,
	discoveries INTEGER NOT NULL,
	PRIMARY KEY (contrast, sae, shuffle),
	FOREIGN KEY(sae) REFERENCES sae (sae)
);

COMMENT ON TABLE contrast_null IS 'A contrast under shuffled labels: what it finds where there is nothing to find';

COMMENT ON COLUMN contrast_null.contrast IS 'Contrast';

COMMENT ON COLUMN contrast_null.sae IS 'SAE';

COMMENT ON COLUMN contrast_null.shuffle IS 'Number of the shuffle, from 1';

COMMENT ON COLUMN contrast_null.seed IS 'Seed of the shuffles; with the number it gives the labels';

COMMENT ON COLUMN contrast_null.min_p IS 'Smallest rank-sum p over the tested features';

COMMENT ON COLUMN contrast_null.max_auroc IS 'Largest AUROC over the tested features';

COMMENT ON COLUMN contrast_null.discoveries IS 'Features called at q <= 0.05';

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

CREATE TABLE explanation (
	explanation INTEGER NOT NULL,
	ingest_run INTEGER NOT NULL,
	question VARCHAR NOT NULL,
	model SMALLINT NOT NULL,
	sae SMALLINT,
	feature INTEGER,
	document INTEGER,
	ordinal INTEGER NOT NULL,
	text VARCHAR NOT NULL,
	tokens SMALLINT NOT NULL,
	output VARCHAR NOT NULL,
	target_id INTEGER,
	target VARCHAR,
	position SMALLINT,
	every_position BOOLEAN NOT NULL,
	baseline VARCHAR NOT NULL,
	estimator VARCHAR NOT NULL,
	players SMALLINT NOT NULL,
	evaluations BIGINT NOT NULL,
	base_value DOUBLE PRECISION NOT NULL,
	full_value DOUBLE PRECISION NOT NULL,
	residual DOUBLE PRECISION NOT NULL,
	identity VARCHAR NOT NULL,
	PRIMARY KEY (explanation),
	CONSTRAINT explanation_question CHECK (question IN ('token', 'feature', 'logit')),
	CONSTRAINT explanation_output CHECK (output IN ('logit', 'log_probability', 'activation')),
	CONSTRAINT explanation_estimator CHECK (estimator IN ('exact', 'permutation', 'partition')),
	FOREIGN KEY(ingest_run) REFERENCES ingest_run (ingest_run),
	FOREIGN KEY(model) REFERENCES model (model),
	FOREIGN KEY(sae) REFERENCES sae (sae),
	UNIQUE (identity)
);

COMMENT ON TABLE explanation IS 'One run of Shapley values: tokens for a prediction (token), tokens for a feature''s activation (feature), active features and the SAE''s error for a prediction (logit)';

COMMENT ON COLUMN explanation.explanation IS 'Key';

COMMENT ON COLUMN explanation.ingest_run IS 'Run that computed it';

COMMENT ON COLUMN explanation.question IS 'What is explained by what: token, feature, logit (see there)';

COMMENT ON COLUMN explanation.model IS 'Model';

COMMENT ON COLUMN explanation.sae IS 'SAE of the features; NULL where there are none';

COMMENT ON COLUMN explanation.feature IS 'Feature whose activation is explained (question feature), zero-based';

COMMENT ON COLUMN explanation.document IS 'Document of the prompt; NULL where it was given by hand';

COMMENT ON COLUMN explanation.ordinal IS 'Window of the document, from 0';

COMMENT ON COLUMN explanation.text IS 'The prompt';

COMMENT ON COLUMN explanation.tokens IS 'Tokens of the prompt, BOS left out';

COMMENT ON COLUMN explanation.output IS 'logit, log_probability (nats) or activation';

COMMENT ON COLUMN explanation.target_id IS 'Token whose logit or log-probability is explained';

COMMENT ON COLUMN explanation.target IS 'Its text';

COMMENT ON COLUMN explanation.position IS 'Position read, BOS being 0; NULL: the largest over the prompt, BOS left out';

COMMENT ON COLUMN explanation.every_position IS 'Features are taken away at every position but BOS, not at `position` alone';

COMMENT ON COLUMN explanation.baseline IS 'What stands for an absent token: end_of_text, mean_embedding, removal, ellipsis; feature: zero, mean';

COMMENT ON COLUMN explanation.estimator IS 'exact, permutation, or partition (shap''s)';

COMMENT ON COLUMN explanation.players IS 'Tokens, or active features and the error';

COMMENT ON COLUMN explanation.evaluations IS 'Distinct coalitions evaluated';

COMMENT ON COLUMN explanation.base_value IS 'Output with no player';

COMMENT ON COLUMN explanation.full_value IS 'Output with every player';

COMMENT ON COLUMN explanation.residual IS 'full_value - base_value - the sum of the values';

COMMENT ON COLUMN explanation.identity IS 'Hash of all it depends on: makes a rerun free';

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

CREATE TABLE feature_attribution (
	explanation INTEGER NOT NULL,
	player SMALLINT NOT NULL,
	sae SMALLINT NOT NULL,
	feature INTEGER,
	activation DOUBLE PRECISION,
	value DOUBLE PRECISION NOT NULL,
	standard_error DOUBLE PRECISION,
	rank SMALLINT NOT NULL,
	activation_gradient DOUBLE PRECISION NOT NULL,
	integrated_gradients DOUBLE PRECISION NOT NULL,
	PRIMARY KEY (explanation, player),
	FOREIGN KEY(sae) REFERENCES sae (sae)
);

COMMENT ON TABLE feature_attribution IS 'What an active feature, or the SAE''s error, owes';

COMMENT ON COLUMN feature_attribution.explanation IS 'Explanation';

COMMENT ON COLUMN feature_attribution.player IS 'Number of the player; the error is the last';

COMMENT ON COLUMN feature_attribution.sae IS 'SAE of the feature';

COMMENT ON COLUMN feature_attribution.feature IS 'Zero-based index in the SAE; NULL for the SAE''s error';

COMMENT ON COLUMN feature_attribution.activation IS 'Its activation at the position; NULL for the error';

COMMENT ON COLUMN feature_attribution.value IS 'Shapley value: its share of full_value - base_value';

COMMENT ON COLUMN feature_attribution.standard_error IS 'Standard error of the value; NULL where it is exact or not known';

COMMENT ON COLUMN feature_attribution.rank IS 'Place by |value|, 1 being the largest; ties by player';

COMMENT ON COLUMN feature_attribution.activation_gradient IS 'The same by activation x gradient';

COMMENT ON COLUMN feature_attribution.integrated_gradients IS 'The same by integrated gradients';

CREATE TABLE feature_confirmation (
	contrast SMALLINT NOT NULL,
	sae SMALLINT NOT NULL,
	feature INTEGER NOT NULL,
	auroc_discovery DOUBLE PRECISION,
	threshold DOUBLE PRECISION,
	f1_discovery DOUBLE PRECISION,
	auroc DOUBLE PRECISION,
	auroc_low DOUBLE PRECISION,
	auroc_high DOUBLE PRECISION,
	precision DOUBLE PRECISION,
	recall DOUBLE PRECISION,
	f1 DOUBLE PRECISION,
	probe_weight DOUBLE PRECISION,
	probe_bias DOUBLE PRECISION,
	probe_accuracy DOUBLE PRECISION,
	probe_f1 DOUBLE PRECISION,
	PRIMARY KEY (contrast, sae, feature),
	FOREIGN KEY(sae) REFERENCES sae (sae)
);

COMMENT ON TABLE feature_confirmation IS 'A feature in a contrast, chosen on one half of the documents and judged on the other; NULL where a half has fewer than 5 documents of a side';

COMMENT ON COLUMN feature_confirmation.contrast IS 'Contrast';

COMMENT ON COLUMN feature_confirmation.sae IS 'SAE of the feature';

COMMENT ON COLUMN feature_confirmation.feature IS 'Zero-based index in the SAE';

COMMENT ON COLUMN feature_confirmation.auroc_discovery IS 'AUROC on the discovery half';

COMMENT ON COLUMN feature_confirmation.threshold IS 'Score at or above which it calls a document: largest F1 on the discovery half';

COMMENT ON COLUMN feature_confirmation.f1_discovery IS 'F1 at the threshold on the half that chose it: too good by nature';

COMMENT ON COLUMN feature_confirmation.auroc IS 'AUROC on the confirmation half';

COMMENT ON COLUMN feature_confirmation.auroc_low IS 'Lower end of its interval at level 0.95, bootstrap over templates';

COMMENT ON COLUMN feature_confirmation.auroc_high IS 'Upper end of the interval; NULL if it fires in fewer than 5 documents';

COMMENT ON COLUMN feature_confirmation.precision IS 'Share of the documents called that are positive; NULL if none is called';

COMMENT ON COLUMN feature_confirmation.recall IS 'Share of the positive documents that are called';

COMMENT ON COLUMN feature_confirmation.f1 IS 'Harmonic mean of precision and recall';

COMMENT ON COLUMN feature_confirmation.probe_weight IS 'Logistic regression on its mean activation, fitted on the discovery half';

COMMENT ON COLUMN feature_confirmation.probe_bias IS 'Its bias; it calls a document where weight x mean + bias > 0';

COMMENT ON COLUMN feature_confirmation.probe_accuracy IS 'Share of documents that the probe calls rightly';

COMMENT ON COLUMN feature_confirmation.probe_f1 IS 'F1 of the probe';

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
	fisher_p DOUBLE PRECISION NOT NULL,
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

COMMENT ON COLUMN feature_contrast.fisher_p IS 'Two-sided p of Fisher''s exact test on fires / does not fire';

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

CREATE TABLE feature_domain (
	contrast SMALLINT NOT NULL,
	sae SMALLINT NOT NULL,
	feature INTEGER NOT NULL,
	domain VARCHAR NOT NULL,
	documents INTEGER NOT NULL,
	fires INTEGER NOT NULL,
	auroc DOUBLE PRECISION NOT NULL,
	documents_confirmation INTEGER NOT NULL,
	called INTEGER,
	PRIMARY KEY (contrast, sae, feature, domain),
	FOREIGN KEY(sae) REFERENCES sae (sae)
);

COMMENT ON TABLE feature_domain IS 'A tested feature against each control domain: specificity is 1 - called / documents_confirmation';

COMMENT ON COLUMN feature_domain.contrast IS 'Contrast';

COMMENT ON COLUMN feature_domain.sae IS 'SAE of the feature';

COMMENT ON COLUMN feature_domain.feature IS 'Zero-based index in the SAE';

COMMENT ON COLUMN feature_domain.domain IS 'Domain of control documents';

COMMENT ON COLUMN feature_domain.documents IS 'Control documents of the domain';

COMMENT ON COLUMN feature_domain.fires IS 'Those in which it fires';

COMMENT ON COLUMN feature_domain.auroc IS 'AUROC of the positive documents against this domain alone';

COMMENT ON COLUMN feature_domain.documents_confirmation IS 'Those of the confirmation half';

COMMENT ON COLUMN feature_domain.called IS 'Those of the confirmation half at or above the threshold; NULL without one';

CREATE TABLE feature_evidence (
	contrast SMALLINT NOT NULL,
	sae SMALLINT NOT NULL,
	feature INTEGER NOT NULL,
	active_tokens BIGINT NOT NULL,
	top_token INTEGER NOT NULL,
	top_token_share DOUBLE PRECISION NOT NULL,
	token_entropy DOUBLE PRECISION NOT NULL,
	document_entropy DOUBLE PRECISION NOT NULL,
	terms INTEGER NOT NULL,
	term_coverage DOUBLE PRECISION,
	PRIMARY KEY (contrast, sae, feature),
	FOREIGN KEY(sae) REFERENCES sae (sae)
);

COMMENT ON TABLE feature_evidence IS 'How concentrated a feature is: one token, a few documents, or all the terms of the concept';

COMMENT ON COLUMN feature_evidence.contrast IS 'Contrast';

COMMENT ON COLUMN feature_evidence.sae IS 'SAE of the feature';

COMMENT ON COLUMN feature_evidence.feature IS 'Zero-based index in the SAE';

COMMENT ON COLUMN feature_evidence.active_tokens IS 'Tokens it fires on in the corpora of the contrast';

COMMENT ON COLUMN feature_evidence.top_token IS 'Token id it fires on most often there';

COMMENT ON COLUMN feature_evidence.top_token_share IS 'Share of its active tokens that are the top token';

COMMENT ON COLUMN feature_evidence.token_entropy IS 'Entropy of its active tokens over token ids, bits';

COMMENT ON COLUMN feature_evidence.document_entropy IS 'Entropy of its active tokens over documents, bits';

COMMENT ON COLUMN feature_evidence.terms IS 'Terms on which it fires, on a token that overlaps the term';

COMMENT ON COLUMN feature_evidence.term_coverage IS 'terms over all distinct terms of the positive documents; NULL without';

CREATE TABLE feature_pair (
	contrast SMALLINT NOT NULL,
	sae SMALLINT NOT NULL,
	feature INTEGER NOT NULL,
	higher INTEGER NOT NULL,
	lower INTEGER NOT NULL,
	share_higher DOUBLE PRECISION NOT NULL,
	p DOUBLE PRECISION NOT NULL,
	q DOUBLE PRECISION,
	PRIMARY KEY (contrast, sae, feature),
	FOREIGN KEY(sae) REFERENCES sae (sae)
);

COMMENT ON TABLE feature_pair IS 'A feature on matched pairs: documents of both sides that share a template';

COMMENT ON COLUMN feature_pair.contrast IS 'Contrast';

COMMENT ON COLUMN feature_pair.sae IS 'SAE of the feature';

COMMENT ON COLUMN feature_pair.feature IS 'Zero-based index in the SAE';

COMMENT ON COLUMN feature_pair.higher IS 'Pairs whose positive side scores higher';

COMMENT ON COLUMN feature_pair.lower IS 'Pairs whose control side scores higher';

COMMENT ON COLUMN feature_pair.share_higher IS 'Chance that a positive document outranks its own matched control; ties count half';

COMMENT ON COLUMN feature_pair.p IS 'Wilcoxon signed-rank p, two-sided, asymptotic, corrected';

COMMENT ON COLUMN feature_pair.q IS 'Benjamini-Hochberg q over features with 5 differences or more; NULL if fewer';

CREATE TABLE sae_contrast (
	contrast SMALLINT NOT NULL,
	sae SMALLINT NOT NULL,
	documents_positive INTEGER NOT NULL,
	documents_control INTEGER NOT NULL,
	features_tested INTEGER NOT NULL,
	discovery_positive INTEGER NOT NULL,
	discovery_control INTEGER NOT NULL,
	pairs INTEGER NOT NULL,
	terms INTEGER NOT NULL,
	fms_root INTEGER,
	fms_accuracy DOUBLE PRECISION,
	fms_local_1 DOUBLE PRECISION,
	fms_local_5 DOUBLE PRECISION,
	fms_global DOUBLE PRECISION,
	fms_1 DOUBLE PRECISION,
	fms_5 DOUBLE PRECISION,
	documents_hash VARCHAR NOT NULL,
	PRIMARY KEY (contrast, sae),
	FOREIGN KEY(sae) REFERENCES sae (sae)
);

COMMENT ON TABLE sae_contrast IS 'A contrast computed for an SAE: how much it compared, and its feature monosemanticity score (FMS)';

COMMENT ON COLUMN sae_contrast.contrast IS 'Contrast';

COMMENT ON COLUMN sae_contrast.sae IS 'SAE';

COMMENT ON COLUMN sae_contrast.documents_positive IS 'Positive documents';

COMMENT ON COLUMN sae_contrast.documents_control IS 'Control documents';

COMMENT ON COLUMN sae_contrast.features_tested IS 'Features that fire in at least 5 documents: what q corrects for';

COMMENT ON COLUMN sae_contrast.discovery_positive IS 'Positive documents of the discovery half';

COMMENT ON COLUMN sae_contrast.discovery_control IS 'Control documents of the discovery half';

COMMENT ON COLUMN sae_contrast.pairs IS 'Templates with documents on both sides';

COMMENT ON COLUMN sae_contrast.terms IS 'Distinct terms that the positive documents name';

COMMENT ON COLUMN sae_contrast.fms_root IS 'Feature at the root of the Gini tree, zero-based; NULL without FMS';

COMMENT ON COLUMN sae_contrast.fms_accuracy IS 'acc_0: accuracy of the root alone, on the confirmation half';

COMMENT ON COLUMN sae_contrast.fms_local_1 IS '2 (acc_0 - acc_1): what is lost without the root';

COMMENT ON COLUMN sae_contrast.fms_local_5 IS '2 (acc_0 - acc_5): what is lost without the 5 best features';

COMMENT ON COLUMN sae_contrast.fms_global IS '1 - mean of acc_cum_i - acc_0 over the i = 1 .. 10 best features together';

COMMENT ON COLUMN sae_contrast.fms_1 IS 'FMS@1 = acc_0 (local@1 + global) / 2';

COMMENT ON COLUMN sae_contrast.fms_5 IS 'FMS@5 = acc_0 (local@5 + global) / 2';

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
