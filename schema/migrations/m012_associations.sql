-- Version 12: numbers of documents, and what features have to do with them or with several classes.

CREATE TABLE association (
	association SMALLINT NOT NULL,
	name VARCHAR NOT NULL,
	kind VARCHAR NOT NULL,
	field VARCHAR,
	sets JSON NOT NULL,
	unit VARCHAR NOT NULL,
	PRIMARY KEY (association),
	CONSTRAINT association_unit CHECK (unit IN ('document', 'window')),
	CONSTRAINT association_kind CHECK (kind IN ('target', 'classes') AND (kind = 'target') = (field IS NOT NULL)),
	UNIQUE (name)
);

COMMENT ON TABLE association IS 'A question beyond two sides: which features go with a number of the documents, or differ between classes';

COMMENT ON COLUMN association.association IS 'Key';

COMMENT ON COLUMN association.name IS 'Name it is asked for by; no contrast bears it too';

COMMENT ON COLUMN association.kind IS 'target: a number of each document; classes: one of several';

COMMENT ON COLUMN association.field IS 'Field of the documents that gives the number; NULL for classes';

COMMENT ON COLUMN association.sets IS 'The classes, or whose documents are asked of, spelled as in contrast; [] for all that have the field';

COMMENT ON COLUMN association.unit IS 'What is compared of a document, as in contrast';

CREATE TABLE association_document (
	association SMALLINT NOT NULL,
	sae SMALLINT NOT NULL,
	document INTEGER NOT NULL,
	value DOUBLE PRECISION,
	class SMALLINT,
	split VARCHAR NOT NULL,
	tokens INTEGER NOT NULL,
	PRIMARY KEY (association, sae, document),
	CONSTRAINT association_document_split CHECK (split IN ('discovery', 'confirmation'))
);

COMMENT ON TABLE association_document IS 'A document that an association compares, what it bears, and its half';

COMMENT ON COLUMN association_document.association IS 'Association';

COMMENT ON COLUMN association_document.sae IS 'SAE';

COMMENT ON COLUMN association_document.document IS 'Document compared; a text in several corpora is compared once';

COMMENT ON COLUMN association_document.value IS 'Its number; NULL for classes';

COMMENT ON COLUMN association_document.class IS 'Its class: a place in association.sets, from 0; NULL for a target';

COMMENT ON COLUMN association_document.split IS 'discovery or confirmation: by hash of its group, classes halved evenly';

COMMENT ON COLUMN association_document.tokens IS 'Tokens of what is compared of it: the text, or a window';

CREATE TABLE association_null (
	association SMALLINT NOT NULL,
	sae SMALLINT NOT NULL,
	shuffle INTEGER NOT NULL,
	seed INTEGER NOT NULL,
	min_p DOUBLE PRECISION NOT NULL,
	min_q DOUBLE PRECISION NOT NULL,
	discoveries INTEGER NOT NULL,
	PRIMARY KEY (association, sae, shuffle)
);

COMMENT ON TABLE association_null IS 'An association under shuffled numbers or classes: what it finds where there is nothing to find';

COMMENT ON COLUMN association_null.association IS 'Association';

COMMENT ON COLUMN association_null.sae IS 'SAE';

COMMENT ON COLUMN association_null.shuffle IS 'Number of the shuffle, from 1';

COMMENT ON COLUMN association_null.seed IS 'Seed of the shuffles; with the number it gives the labels';

COMMENT ON COLUMN association_null.min_p IS 'Smallest p over the tested features';

COMMENT ON COLUMN association_null.min_q IS 'Smallest Benjamini-Hochberg q over them';

COMMENT ON COLUMN association_null.discoveries IS 'Features called at q <= 0.05 by Benjamini-Hochberg alone';

CREATE TABLE document_field (
	document INTEGER NOT NULL,
	name VARCHAR NOT NULL,
	value DOUBLE PRECISION NOT NULL,
	PRIMARY KEY (document, name)
);

COMMENT ON TABLE document_field IS 'A number that a document''s record bears, such as its year';

COMMENT ON COLUMN document_field.document IS 'Document';

COMMENT ON COLUMN document_field.name IS 'Name of the field at its source, asked for by atlas ingest --field';

COMMENT ON COLUMN document_field.value IS 'Its value';

CREATE TABLE feature_class (
	association SMALLINT NOT NULL,
	sae SMALLINT NOT NULL,
	feature INTEGER NOT NULL,
	class SMALLINT NOT NULL,
	name VARCHAR NOT NULL,
	documents INTEGER NOT NULL,
	fires INTEGER NOT NULL,
	auroc DOUBLE PRECISION NOT NULL,
	auroc_discovery DOUBLE PRECISION,
	auroc_confirmation DOUBLE PRECISION,
	PRIMARY KEY (association, sae, feature, class)
);

COMMENT ON TABLE feature_class IS 'A tested feature in one class against all others';

COMMENT ON COLUMN feature_class.association IS 'Association';

COMMENT ON COLUMN feature_class.sae IS 'SAE of the feature';

COMMENT ON COLUMN feature_class.feature IS 'Zero-based index in the SAE';

COMMENT ON COLUMN feature_class.class IS 'A place in association.sets, from 0';

COMMENT ON COLUMN feature_class.name IS 'The set that is the class';

COMMENT ON COLUMN feature_class.documents IS 'Documents of the class';

COMMENT ON COLUMN feature_class.fires IS 'Those it fires in';

COMMENT ON COLUMN feature_class.auroc IS 'AUROC of the class against all others, all documents';

COMMENT ON COLUMN feature_class.auroc_discovery IS 'The same on the discovery half';

COMMENT ON COLUMN feature_class.auroc_confirmation IS 'The same on the confirmation half';

CREATE TABLE feature_classes (
	association SMALLINT NOT NULL,
	sae SMALLINT NOT NULL,
	feature INTEGER NOT NULL,
	fires INTEGER NOT NULL,
	h DOUBLE PRECISION NOT NULL,
	epsilon_squared DOUBLE PRECISION NOT NULL,
	p DOUBLE PRECISION NOT NULL,
	q DOUBLE PRECISION,
	family_p DOUBLE PRECISION,
	epsilon_discovery DOUBLE PRECISION,
	p_discovery DOUBLE PRECISION,
	q_discovery DOUBLE PRECISION,
	epsilon_confirmation DOUBLE PRECISION,
	best_class SMALLINT,
	auroc_discovery DOUBLE PRECISION,
	auroc DOUBLE PRECISION,
	auroc_low DOUBLE PRECISION,
	auroc_high DOUBLE PRECISION,
	place_discovery INTEGER NOT NULL,
	PRIMARY KEY (association, sae, feature)
);

COMMENT ON TABLE feature_classes IS 'A feature between several classes of documents, where it fires at all';

COMMENT ON COLUMN feature_classes.association IS 'Association';

COMMENT ON COLUMN feature_classes.sae IS 'SAE of the feature';

COMMENT ON COLUMN feature_classes.feature IS 'Zero-based index in the SAE';

COMMENT ON COLUMN feature_classes.fires IS 'Documents it fires in, in what association.unit compares';

COMMENT ON COLUMN feature_classes.h IS 'Kruskal and Wallis''s H, corrected for ties, over all documents';

COMMENT ON COLUMN feature_classes.epsilon_squared IS 'H / (documents - 1): 0 no difference, 1 the largest';

COMMENT ON COLUMN feature_classes.p IS 'Share of shuffles of the classes that are as far out, as in feature_target';

COMMENT ON COLUMN feature_classes.q IS 'As in feature_contrast; NULL if not tested';

COMMENT ON COLUMN feature_classes.family_p IS 'Westfall-Young step-down over the shuffles; NULL if not tested';

COMMENT ON COLUMN feature_classes.epsilon_discovery IS 'epsilon_squared on the discovery half; NULL with too few groups';

COMMENT ON COLUMN feature_classes.p_discovery IS 'p over the discovery half alone';

COMMENT ON COLUMN feature_classes.q_discovery IS 'Benjamini-Hochberg q of p_discovery, features that fire in 5 documents of it';

COMMENT ON COLUMN feature_classes.epsilon_confirmation IS 'epsilon_squared on the confirmation half';

COMMENT ON COLUMN feature_classes.best_class IS 'Class of the largest AUROC against the others on the discovery half';

COMMENT ON COLUMN feature_classes.auroc_discovery IS 'That AUROC: too good by nature, the class being chosen by it';

COMMENT ON COLUMN feature_classes.auroc IS 'AUROC of that class against the others on the confirmation half: what judges';

COMMENT ON COLUMN feature_classes.auroc_low IS 'Lower end of its interval at level 0.95, bootstrap over groups';

COMMENT ON COLUMN feature_classes.auroc_high IS 'Upper end; NULL if it fires in fewer than 5 groups';

COMMENT ON COLUMN feature_classes.place_discovery IS 'Its place by epsilon_discovery, of tested features first';

CREATE TABLE feature_target (
	association SMALLINT NOT NULL,
	sae SMALLINT NOT NULL,
	feature INTEGER NOT NULL,
	fires INTEGER NOT NULL,
	rho DOUBLE PRECISION NOT NULL,
	p DOUBLE PRECISION NOT NULL,
	q DOUBLE PRECISION,
	family_p DOUBLE PRECISION,
	rho_discovery DOUBLE PRECISION,
	p_discovery DOUBLE PRECISION,
	q_discovery DOUBLE PRECISION,
	rho_confirmation DOUBLE PRECISION,
	rho_low DOUBLE PRECISION,
	rho_high DOUBLE PRECISION,
	confirmed BOOLEAN,
	place_discovery INTEGER NOT NULL,
	PRIMARY KEY (association, sae, feature)
);

COMMENT ON TABLE feature_target IS 'A feature against a number of the documents, where it fires at all';

COMMENT ON COLUMN feature_target.association IS 'Association';

COMMENT ON COLUMN feature_target.sae IS 'SAE of the feature';

COMMENT ON COLUMN feature_target.feature IS 'Zero-based index in the SAE';

COMMENT ON COLUMN feature_target.fires IS 'Documents it fires in, in what association.unit compares';

COMMENT ON COLUMN feature_target.rho IS 'Spearman''s rank correlation of its score with the number, all documents';

COMMENT ON COLUMN feature_target.p IS 'Share of shuffles, pooled over features that fire about as often, that are as far out: numbers are exchanged between groups, or within those whose documents differ';

COMMENT ON COLUMN feature_target.q IS 'As in feature_contrast; NULL if not tested';

COMMENT ON COLUMN feature_target.family_p IS 'Westfall-Young step-down over the shuffles; NULL if not tested';

COMMENT ON COLUMN feature_target.rho_discovery IS 'rho on the discovery half; NULL where it has fewer than 5 groups';

COMMENT ON COLUMN feature_target.p_discovery IS 'p over the discovery half alone';

COMMENT ON COLUMN feature_target.q_discovery IS 'Benjamini-Hochberg q of p_discovery, features that fire in 5 documents of it';

COMMENT ON COLUMN feature_target.rho_confirmation IS 'rho on the confirmation half: what judges';

COMMENT ON COLUMN feature_target.rho_low IS 'Lower end of its interval at level 0.95, bootstrap over groups';

COMMENT ON COLUMN feature_target.rho_high IS 'Upper end; NULL if it fires in fewer than 5 groups';

COMMENT ON COLUMN feature_target.confirmed IS 'The interval is all on the side of 0 that the discovery half says';

COMMENT ON COLUMN feature_target.place_discovery IS 'Its place by |rho_discovery|, of tested features first';

CREATE TABLE sae_association (
	association SMALLINT NOT NULL,
	sae SMALLINT NOT NULL,
	documents_compared INTEGER NOT NULL,
	groups_compared INTEGER NOT NULL,
	groups_mixed INTEGER NOT NULL,
	groups_discovery INTEGER NOT NULL,
	groups_confirmation INTEGER NOT NULL,
	documents_without INTEGER NOT NULL,
	features_tested INTEGER NOT NULL,
	length_effect DOUBLE PRECISION NOT NULL,
	length_p DOUBLE PRECISION NOT NULL,
	documents_hash VARCHAR NOT NULL,
	PRIMARY KEY (association, sae)
);

COMMENT ON TABLE sae_association IS 'An association computed for an SAE: how much it compared';

COMMENT ON COLUMN sae_association.association IS 'Association';

COMMENT ON COLUMN sae_association.sae IS 'SAE';

COMMENT ON COLUMN sae_association.documents_compared IS 'Documents compared';

COMMENT ON COLUMN sae_association.groups_compared IS 'Groups that they are of';

COMMENT ON COLUMN sae_association.groups_mixed IS 'Groups whose documents differ in the number or class: they exchange it among themselves only';

COMMENT ON COLUMN sae_association.groups_discovery IS 'Groups of the discovery half; of the smallest class';

COMMENT ON COLUMN sae_association.groups_confirmation IS 'The same of the confirmation half';

COMMENT ON COLUMN sae_association.documents_without IS 'Documents of the sets left out: they lack the field';

COMMENT ON COLUMN sae_association.features_tested IS 'Features that fire in at least 5 documents';

COMMENT ON COLUMN sae_association.length_effect IS 'What goes with the tokens compared: Spearman''s rho of a target, epsilon squared of classes';

COMMENT ON COLUMN sae_association.length_p IS 'p that length has nothing to do with it, by the same shuffles';

COMMENT ON COLUMN sae_association.documents_hash IS 'Hash of the documents compared; empty: to be computed again';

COMMENT ON COLUMN sae_contrast.length_p IS 'Two-sided rank-sum p that both sides are of like length, normal, documents taken as independent';

COMMENT ON COLUMN contrast_null.discoveries IS 'Features called at q <= 0.05 by Benjamini-Hochberg alone, before q is held against shuffles';

COMMENT ON COLUMN feature_confirmation.place_discovery IS 'Its place among the candidates: auroc_discovery of at least 0.65 by word_lift_low of that half, then the rest by auroc_discovery, ties by p; by AUROC over all documents where the half has fewer than 5 groups';

COMMENT ON TABLE feature_confirmation IS 'A feature in a contrast, chosen on one half of the groups and judged on the other; NULL, fires_discovery and place_discovery apart, where a half has fewer than 5 groups of a side';
