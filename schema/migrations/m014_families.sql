CREATE TABLE cluster (
	clustering INTEGER NOT NULL,
	cluster INTEGER NOT NULL,
	features INTEGER NOT NULL,
	silhouette DOUBLE PRECISION NOT NULL,
	stability DOUBLE PRECISION NOT NULL,
	x DOUBLE PRECISION,
	y DOUBLE PRECISION,
	PRIMARY KEY (clustering, cluster)
);

COMMENT ON TABLE cluster IS 'A cluster of features';

COMMENT ON COLUMN cluster.clustering IS 'Clustering';

COMMENT ON COLUMN cluster.cluster IS '0 is the largest';

COMMENT ON COLUMN cluster.features IS 'Features in it';

COMMENT ON COLUMN cluster.silhouette IS 'Mean silhouette of its features';

COMMENT ON COLUMN cluster.stability IS 'Overlap (Jaccard) with the most like cluster of each other seed, on average: 1 is always found';

COMMENT ON COLUMN cluster.x IS 'Middle of its features on the map (median)';

COMMENT ON COLUMN cluster.y IS 'The same';

CREATE TABLE cluster_contrast (
	contrast SMALLINT NOT NULL,
	sae SMALLINT NOT NULL,
	clustering INTEGER NOT NULL,
	cluster INTEGER NOT NULL,
	tested INTEGER NOT NULL,
	called INTEGER NOT NULL,
	auroc DOUBLE PRECISION NOT NULL,
	p DOUBLE PRECISION NOT NULL,
	q DOUBLE PRECISION,
	PRIMARY KEY (contrast, clustering, cluster)
);

COMMENT ON TABLE cluster_contrast IS 'What a contrast says of a cluster: how many of its features it calls, and of the cluster as one; goes with the contrast''s figures and comes back with the next clustering';

COMMENT ON COLUMN cluster_contrast.contrast IS 'Contrast';

COMMENT ON COLUMN cluster_contrast.sae IS 'SAE of the features';

COMMENT ON COLUMN cluster_contrast.clustering IS 'Clustering';

COMMENT ON COLUMN cluster_contrast.cluster IS 'Cluster';

COMMENT ON COLUMN cluster_contrast.tested IS 'Its features that the contrast tests';

COMMENT ON COLUMN cluster_contrast.called IS 'Those with q of at most 0.05 that favour the positive side';

COMMENT ON COLUMN cluster_contrast.auroc IS 'AUROC of how many of its features fire in a document';

COMMENT ON COLUMN cluster_contrast.p IS 'Rank-sum p of that number, as feature_contrast.p';

COMMENT ON COLUMN cluster_contrast.q IS 'q of p over the clusters, as feature_contrast.q; NULL if it fires in fewer than 5';

CREATE TABLE cluster_token (
	clustering INTEGER NOT NULL,
	cluster INTEGER NOT NULL,
	rank SMALLINT NOT NULL,
	token_id INTEGER NOT NULL,
	share DOUBLE PRECISION NOT NULL,
	weight DOUBLE PRECISION NOT NULL,
	PRIMARY KEY (clustering, cluster, rank)
);

COMMENT ON TABLE cluster_token IS 'The tokens that name a cluster: each feature shares one vote among its top tokens, by activation';

COMMENT ON COLUMN cluster_token.clustering IS 'Clustering';

COMMENT ON COLUMN cluster_token.cluster IS 'Cluster';

COMMENT ON COLUMN cluster_token.rank IS '1 is the most particular';

COMMENT ON COLUMN cluster_token.token_id IS 'Token id, in the vocabulary of the SAE''s tokenization';

COMMENT ON COLUMN cluster_token.share IS 'Its share of the votes of the cluster''s features';

COMMENT ON COLUMN cluster_token.weight IS 'Share times log(1 + votes of a cluster / votes of the token)';

CREATE TABLE clustering_choice (
	clustering INTEGER NOT NULL,
	clusters INTEGER NOT NULL,
	silhouette DOUBLE PRECISION NOT NULL,
	PRIMARY KEY (clustering, clusters)
);

COMMENT ON TABLE clustering_choice IS 'The numbers of clusters that were tried; the largest silhouette is chosen';

COMMENT ON COLUMN clustering_choice.clustering IS 'Clustering';

COMMENT ON COLUMN clustering_choice.clusters IS 'Number of clusters tried';

COMMENT ON COLUMN clustering_choice.silhouette IS 'Mean silhouette of a run with so many';

CREATE TABLE feature_cluster (
	clustering INTEGER NOT NULL,
	sae SMALLINT NOT NULL,
	feature INTEGER NOT NULL,
	cluster INTEGER NOT NULL,
	silhouette REAL NOT NULL,
	x REAL,
	y REAL,
	PRIMARY KEY (clustering, feature)
);

COMMENT ON TABLE feature_cluster IS 'Which cluster a feature is in, and where it lies on the map';

COMMENT ON COLUMN feature_cluster.clustering IS 'Clustering';

COMMENT ON COLUMN feature_cluster.sae IS 'SAE of the feature';

COMMENT ON COLUMN feature_cluster.feature IS 'Zero-based index in the SAE';

COMMENT ON COLUMN feature_cluster.cluster IS 'Its cluster';

COMMENT ON COLUMN feature_cluster.silhouette IS 'Its silhouette under 1 - cosine; below 0: nearer to another';

COMMENT ON COLUMN feature_cluster.x IS 'Its place on the map, at most 1 from the middle';

COMMENT ON COLUMN feature_cluster.y IS 'The same';

CREATE TABLE feature_coactivation (
	sae SMALLINT NOT NULL,
	feature INTEGER NOT NULL,
	rank SMALLINT NOT NULL,
	other_feature INTEGER NOT NULL,
	tokens_both BIGINT NOT NULL,
	jaccard DOUBLE PRECISION NOT NULL,
	lift DOUBLE PRECISION NOT NULL
);

COMMENT ON TABLE feature_coactivation IS 'The ten features that share most of the tokens on which a feature fires';

COMMENT ON COLUMN feature_coactivation.sae IS 'SAE of both features';

COMMENT ON COLUMN feature_coactivation.feature IS 'Zero-based index in the SAE';

COMMENT ON COLUMN feature_coactivation.rank IS '1 has the largest overlap';

COMMENT ON COLUMN feature_coactivation.other_feature IS 'The other''s zero-based index in the same SAE';

COMMENT ON COLUMN feature_coactivation.tokens_both IS 'Tokens on which both fire, 2 or more';

COMMENT ON COLUMN feature_coactivation.jaccard IS 'Overlap: tokens_both over the tokens on which either fires';

COMMENT ON COLUMN feature_coactivation.lift IS 'tokens_both over what it would be if each fired by itself; log2 is PMI';

CREATE TABLE feature_match (
	sae SMALLINT NOT NULL,
	feature INTEGER NOT NULL,
	other_sae SMALLINT NOT NULL,
	measure VARCHAR NOT NULL,
	rank SMALLINT NOT NULL,
	other_feature INTEGER NOT NULL,
	cosine DOUBLE PRECISION,
	correlation DOUBLE PRECISION,
	mutual BOOLEAN NOT NULL,
	siblings INTEGER NOT NULL,
	CONSTRAINT feature_match_measure CHECK (measure IN ('cosine', 'correlation'))
);

COMMENT ON TABLE feature_match IS 'The same feature elsewhere: the three most alike features of another SAE, by each measure';

COMMENT ON COLUMN feature_match.sae IS 'SAE of the feature';

COMMENT ON COLUMN feature_match.feature IS 'Zero-based index in the SAE';

COMMENT ON COLUMN feature_match.other_sae IS 'Another SAE of the same model';

COMMENT ON COLUMN feature_match.measure IS 'What ranks the matches: cosine or correlation';

COMMENT ON COLUMN feature_match.rank IS '1 is the most alike';

COMMENT ON COLUMN feature_match.other_feature IS 'The match''s zero-based index in the other SAE';

COMMENT ON COLUMN feature_match.cosine IS 'Cosine of the decoder directions; NULL where widths differ or one is 0';

COMMENT ON COLUMN feature_match.correlation IS 'Correlation of activations on the same tokens; NULL where one never varies';

COMMENT ON COLUMN feature_match.mutual IS 'Each is the other''s best by this measure';

COMMENT ON COLUMN feature_match.siblings IS 'Features here, itself counted, with this best match, all alike enough; 2 or more: it is split here';

CREATE TABLE clustering (
	clustering INTEGER NOT NULL,
	sae SMALLINT NOT NULL,
	ingest_run INTEGER NOT NULL,
	measure VARCHAR NOT NULL,
	features INTEGER NOT NULL,
	clusters INTEGER NOT NULL,
	criterion VARCHAR NOT NULL,
	silhouette DOUBLE PRECISION NOT NULL,
	silhouette_shuffled DOUBLE PRECISION NOT NULL,
	seed INTEGER NOT NULL,
	seeds INTEGER NOT NULL,
	rand_mean DOUBLE PRECISION NOT NULL,
	rand_least DOUBLE PRECISION NOT NULL,
	map_method VARCHAR,
	map_parameters JSON,
	trustworthiness DOUBLE PRECISION,
	trustworthiness_neighbours INTEGER,
	inputs_hash VARCHAR NOT NULL,
	PRIMARY KEY (clustering),
	UNIQUE (sae, measure),
	CONSTRAINT clustering_measure CHECK (measure IN ('decoder', 'jaccard', 'pmi')),
	CONSTRAINT clustering_criterion CHECK (criterion IN ('silhouette', 'asked')),
	FOREIGN KEY(ingest_run) REFERENCES ingest_run (ingest_run)
);

COMMENT ON TABLE clustering IS 'K-means over the features of an SAE, how its number of clusters was chosen, how stable it is, its map';

COMMENT ON COLUMN clustering.clustering IS 'Key';

COMMENT ON COLUMN clustering.sae IS 'SAE of the features';

COMMENT ON COLUMN clustering.ingest_run IS 'Run that computed it';

COMMENT ON COLUMN clustering.measure IS 'What is alike in a cluster: decoder (cosine of directions), jaccard or pmi (firing on one token)';

COMMENT ON COLUMN clustering.features IS 'Features clustered: those with a direction, or with company';

COMMENT ON COLUMN clustering.clusters IS 'Number of clusters';

COMMENT ON COLUMN clustering.criterion IS 'How it was chosen: silhouette (the largest of clustering_choice), or asked for';

COMMENT ON COLUMN clustering.silhouette IS 'Mean silhouette under 1 - cosine, -1 to 1';

COMMENT ON COLUMN clustering.silhouette_shuffled IS 'The same where each coordinate is shuffled over the features: what chance gives';

COMMENT ON COLUMN clustering.seed IS 'First seed of K-means; the best fit of all seeds is stored';

COMMENT ON COLUMN clustering.seeds IS 'Seeds run, each the next one';

COMMENT ON COLUMN clustering.rand_mean IS 'Mean adjusted Rand index of each two seeds: 1 the same';

COMMENT ON COLUMN clustering.rand_least IS 'The least of them';

COMMENT ON COLUMN clustering.map_method IS 'How x and y were found; NULL: too few features for a map';

COMMENT ON COLUMN clustering.map_parameters IS 'Its parameters, the seed among them';

COMMENT ON COLUMN clustering.trustworthiness IS 'How far neighbours on the map are neighbours in truth: 1 all';

COMMENT ON COLUMN clustering.trustworthiness_neighbours IS 'Of so many neighbours';

COMMENT ON COLUMN clustering.inputs_hash IS 'Hash of what it was computed from: makes a rerun free';

CREATE TABLE sae_coactivation (
	sae SMALLINT NOT NULL,
	ingest_run INTEGER NOT NULL,
	tokens BIGINT NOT NULL,
	features INTEGER NOT NULL,
	coverage_hash VARCHAR NOT NULL,
	PRIMARY KEY (sae),
	FOREIGN KEY(ingest_run) REFERENCES ingest_run (ingest_run)
);

COMMENT ON TABLE sae_coactivation IS 'On how many tokens the rows of feature_coactivation were counted';

COMMENT ON COLUMN sae_coactivation.sae IS 'SAE';

COMMENT ON COLUMN sae_coactivation.ingest_run IS 'Run that computed it';

COMMENT ON COLUMN sae_coactivation.tokens IS 'Tokens counted, BOS left out; other than now: out of date';

COMMENT ON COLUMN sae_coactivation.features IS 'Features that fire on any of them';

COMMENT ON COLUMN sae_coactivation.coverage_hash IS 'Hash of the texts counted: what makes a rerun free';

CREATE TABLE sae_match (
	sae SMALLINT NOT NULL,
	other_sae SMALLINT NOT NULL,
	ingest_run INTEGER NOT NULL,
	tokens BIGINT NOT NULL,
	least_cosine DOUBLE PRECISION NOT NULL,
	least_correlation DOUBLE PRECISION NOT NULL,
	chance_cosine DOUBLE PRECISION,
	chance_correlation DOUBLE PRECISION,
	inputs_hash VARCHAR NOT NULL,
	PRIMARY KEY (sae, other_sae),
	FOREIGN KEY(ingest_run) REFERENCES ingest_run (ingest_run)
);

COMMENT ON TABLE sae_match IS 'How the features of one SAE were looked for in another of the same model';

COMMENT ON COLUMN sae_match.sae IS 'SAE whose features are looked for';

COMMENT ON COLUMN sae_match.other_sae IS 'SAE in which they are found';

COMMENT ON COLUMN sae_match.ingest_run IS 'Run that computed it';

COMMENT ON COLUMN sae_match.tokens IS 'Tokens that both have encoded; 0: decoders alone';

COMMENT ON COLUMN sae_match.least_cosine IS 'Cosine from which features count as parts of one';

COMMENT ON COLUMN sae_match.least_correlation IS 'Correlation from which they do';

COMMENT ON COLUMN sae_match.chance_cosine IS '95th percentile of the best cosines where directions are random';

COMMENT ON COLUMN sae_match.chance_correlation IS '95th percentile of the best correlations with shifted tokens';

COMMENT ON COLUMN sae_match.inputs_hash IS 'Hash of what was compared: what makes a rerun free';
