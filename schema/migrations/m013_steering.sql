-- Version 13: what steering and removing features does.

CREATE TABLE ablation_document (
	ablation INTEGER NOT NULL,
	document INTEGER NOT NULL,
	side VARCHAR NOT NULL,
	tokens INTEGER NOT NULL,
	active_tokens INTEGER NOT NULL,
	nats DOUBLE PRECISION NOT NULL,
	nats_without DOUBLE PRECISION NOT NULL,
	PRIMARY KEY (ablation, document)
);

COMMENT ON TABLE ablation_document IS 'What removing the feature does to each document''s loss';

COMMENT ON COLUMN ablation_document.ablation IS 'Ablation';

COMMENT ON COLUMN ablation_document.document IS 'Document';

COMMENT ON COLUMN ablation_document.side IS 'positive or control';

COMMENT ON COLUMN ablation_document.tokens IS 'Predicted tokens';

COMMENT ON COLUMN ablation_document.active_tokens IS 'Tokens on which the feature fires';

COMMENT ON COLUMN ablation_document.nats IS 'Cross-entropy of the document, nats';

COMMENT ON COLUMN ablation_document.nats_without IS 'The same with the feature removed';

CREATE TABLE ablation_effect (
	ablation INTEGER NOT NULL,
	random SMALLINT NOT NULL,
	side VARCHAR NOT NULL,
	sae SMALLINT NOT NULL,
	feature INTEGER NOT NULL,
	documents INTEGER NOT NULL,
	groups INTEGER NOT NULL,
	tokens INTEGER NOT NULL,
	active_tokens INTEGER NOT NULL,
	loss DOUBLE PRECISION NOT NULL,
	loss_without DOUBLE PRECISION NOT NULL,
	rise DOUBLE PRECISION NOT NULL,
	rise_low DOUBLE PRECISION,
	rise_high DOUBLE PRECISION,
	PRIMARY KEY (ablation, random, side),
	CONSTRAINT ablation_effect_side CHECK (side IN ('positive', 'control'))
);

COMMENT ON TABLE ablation_effect IS 'What removing a feature does to the loss on one side, and what removing random features does';

COMMENT ON COLUMN ablation_effect.ablation IS 'Ablation';

COMMENT ON COLUMN ablation_effect.random IS '0: the feature itself; 1, 2, ...: a random feature';

COMMENT ON COLUMN ablation_effect.side IS 'positive or control: which documents';

COMMENT ON COLUMN ablation_effect.sae IS 'SAE of the feature';

COMMENT ON COLUMN ablation_effect.feature IS 'The feature that is removed';

COMMENT ON COLUMN ablation_effect.documents IS 'Documents';

COMMENT ON COLUMN ablation_effect.groups IS 'Groups of documents';

COMMENT ON COLUMN ablation_effect.tokens IS 'Predicted tokens';

COMMENT ON COLUMN ablation_effect.active_tokens IS 'Tokens on which the feature fires';

COMMENT ON COLUMN ablation_effect.loss IS 'Cross-entropy, nats a token';

COMMENT ON COLUMN ablation_effect.loss_without IS 'Cross-entropy with the feature removed, nats a token';

COMMENT ON COLUMN ablation_effect.rise IS 'loss_without - loss';

COMMENT ON COLUMN ablation_effect.rise_low IS 'Lower end of its interval at level 0.95, paired bootstrap over groups';

COMMENT ON COLUMN ablation_effect.rise_high IS 'Upper end';

CREATE TABLE steering_effect (
	steering INTEGER NOT NULL,
	dose DOUBLE PRECISION NOT NULL,
	random SMALLINT NOT NULL,
	sae SMALLINT NOT NULL,
	feature INTEGER NOT NULL,
	kl DOUBLE PRECISION NOT NULL,
	kl_rank SMALLINT,
	words_probability DOUBLE PRECISION,
	words_rank SMALLINT,
	activation DOUBLE PRECISION NOT NULL,
	raised JSON NOT NULL,
	lowered JSON NOT NULL,
	words JSON,
	continuation VARCHAR,
	PRIMARY KEY (steering, dose, random)
);

COMMENT ON TABLE steering_effect IS 'What a dose of a feature does to the next token, and the same push along random features';

COMMENT ON COLUMN steering_effect.steering IS 'Steering';

COMMENT ON COLUMN steering_effect.dose IS 'In units of its largest activation; 0 where it is removed';

COMMENT ON COLUMN steering_effect.random IS '0: the feature itself; 1, 2, ...: a random feature';

COMMENT ON COLUMN steering_effect.sae IS 'SAE of the feature';

COMMENT ON COLUMN steering_effect.feature IS 'Whose decoder direction is written; a random one''s is brought to the length of the feature''s';

COMMENT ON COLUMN steering_effect.kl IS 'KL(unsteered || steered) of the next token, nats';

COMMENT ON COLUMN steering_effect.kl_rank IS 'Its rank among the random features'' at this dose, 1: none is as large';

COMMENT ON COLUMN steering_effect.words_probability IS 'That the next token is one of the words; NULL: there are none';

COMMENT ON COLUMN steering_effect.words_rank IS 'Rank of what the words gain among the random features'' at this dose';

COMMENT ON COLUMN steering_effect.activation IS 'The steered feature''s mean over the steered positions, when the steered stream is encoded again';

COMMENT ON COLUMN steering_effect.raised IS 'Tokens that gain most: [[text, probability before, after], ...]';

COMMENT ON COLUMN steering_effect.lowered IS 'Tokens that lose most: [[text, probability before, after], ...]';

COMMENT ON COLUMN steering_effect.words IS 'The words: [[text, probability before, after], ...]; NULL for random features';

COMMENT ON COLUMN steering_effect.continuation IS 'What the model writes; of the feature and the first random one alone';

CREATE TABLE ablation (
	ablation INTEGER NOT NULL,
	ingest_run INTEGER NOT NULL,
	sae SMALLINT NOT NULL,
	feature INTEGER NOT NULL,
	positive JSON NOT NULL,
	control JSON NOT NULL,
	difference DOUBLE PRECISION NOT NULL,
	difference_low DOUBLE PRECISION,
	difference_high DOUBLE PRECISION,
	difference_rank SMALLINT,
	random_features SMALLINT NOT NULL,
	seed INTEGER NOT NULL,
	documents_sha256 VARCHAR NOT NULL,
	identity VARCHAR NOT NULL,
	PRIMARY KEY (ablation),
	FOREIGN KEY(ingest_run) REFERENCES ingest_run (ingest_run),
	UNIQUE (identity)
);

COMMENT ON TABLE ablation IS 'A feature removed from documents of two sides; rises are of the loss, nats a token';

COMMENT ON COLUMN ablation.ablation IS 'Key';

COMMENT ON COLUMN ablation.ingest_run IS 'Run that computed it';

COMMENT ON COLUMN ablation.sae IS 'SAE of the feature';

COMMENT ON COLUMN ablation.feature IS 'Zero-based index in the SAE';

COMMENT ON COLUMN ablation.positive IS 'Sets of documents on the positive side';

COMMENT ON COLUMN ablation.control IS 'Sets of documents on the control side';

COMMENT ON COLUMN ablation.difference IS 'Rise on the positive side minus that on the control side';

COMMENT ON COLUMN ablation.difference_low IS 'Lower end of its interval at level 0.95, paired bootstrap over groups';

COMMENT ON COLUMN ablation.difference_high IS 'Upper end';

COMMENT ON COLUMN ablation.difference_rank IS 'Its rank among the random features'', 1: none is as large';

COMMENT ON COLUMN ablation.random_features IS 'How many it is held against: as dense, as long';

COMMENT ON COLUMN ablation.seed IS 'Seed of the random features and of the bootstrap';

COMMENT ON COLUMN ablation.documents_sha256 IS 'SHA-256 of what was read of the atlas';

COMMENT ON COLUMN ablation.identity IS 'Hash of all it depends on: makes a rerun free';

CREATE TABLE steering (
	steering INTEGER NOT NULL,
	ingest_run INTEGER NOT NULL,
	sae SMALLINT NOT NULL,
	feature INTEGER NOT NULL,
	kind VARCHAR NOT NULL,
	positions JSON,
	document INTEGER,
	text VARCHAR NOT NULL,
	unit DOUBLE PRECISION NOT NULL,
	activation DOUBLE PRECISION NOT NULL,
	next_tokens JSON NOT NULL,
	words JSON NOT NULL,
	words_probability DOUBLE PRECISION,
	temperature DOUBLE PRECISION NOT NULL,
	seed INTEGER NOT NULL,
	continuation VARCHAR,
	random_features SMALLINT NOT NULL,
	identity VARCHAR NOT NULL,
	PRIMARY KEY (steering),
	CONSTRAINT steering_kind CHECK (kind IN ('add', 'clamp', 'remove')),
	FOREIGN KEY(ingest_run) REFERENCES ingest_run (ingest_run),
	UNIQUE (identity)
);

COMMENT ON TABLE steering IS 'A prompt on which a feature is steered, and what the model makes of it unsteered';

COMMENT ON COLUMN steering.steering IS 'Key';

COMMENT ON COLUMN steering.ingest_run IS 'Run that computed it';

COMMENT ON COLUMN steering.sae IS 'SAE of the feature';

COMMENT ON COLUMN steering.feature IS 'Zero-based index in the SAE';

COMMENT ON COLUMN steering.kind IS 'add: activation + dose; clamp: dose in its place; remove: 0 in its place; the SAE''s error stays';

COMMENT ON COLUMN steering.positions IS 'Positions steered, BOS being 0; NULL: every one after BOS, and what follows';

COMMENT ON COLUMN steering.document IS 'Document of the prompt; NULL: given by hand';

COMMENT ON COLUMN steering.text IS 'The prompt';

COMMENT ON COLUMN steering.unit IS 'A dose of 1: the feature''s largest activation in the atlas';

COMMENT ON COLUMN steering.activation IS 'Its mean over the steered positions, unsteered';

COMMENT ON COLUMN steering.next_tokens IS 'Likeliest next tokens, unsteered: [[text, probability], ...]';

COMMENT ON COLUMN steering.words IS 'Tokens whose probability is followed: [text, ...]';

COMMENT ON COLUMN steering.words_probability IS 'That the next token is one of them, unsteered; NULL: there are none';

COMMENT ON COLUMN steering.temperature IS 'Of continuations; 0: the likeliest token each time';

COMMENT ON COLUMN steering.seed IS 'Seed of the continuations, and of the random features';

COMMENT ON COLUMN steering.continuation IS 'What the model writes after the prompt, unsteered; NULL: not asked for';

COMMENT ON COLUMN steering.random_features IS 'How many it is held against: as dense, as long';

COMMENT ON COLUMN steering.identity IS 'Hash of all it depends on: makes a rerun free';
