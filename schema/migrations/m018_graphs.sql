CREATE TABLE graph_edge (
	graph INTEGER NOT NULL,
	source INTEGER NOT NULL,
	target INTEGER NOT NULL,
	weight DOUBLE PRECISION NOT NULL,
	PRIMARY KEY (graph, source, target)
);

COMMENT ON TABLE graph_edge IS 'An edge that is left after pruning: the effect of one node on one of the next level';

COMMENT ON COLUMN graph_edge.graph IS 'Graph';

COMMENT ON COLUMN graph_edge.source IS 'Node that it comes from';

COMMENT ON COLUMN graph_edge.target IS 'Node of the next level that it leads to';

COMMENT ON COLUMN graph_edge.weight IS 'How far the activation or logit of the target falls without the source, by the graph''s method';

CREATE TABLE graph_node (
	graph INTEGER NOT NULL,
	node INTEGER NOT NULL,
	kind VARCHAR NOT NULL,
	level SMALLINT NOT NULL,
	sae SMALLINT,
	position SMALLINT NOT NULL,
	feature INTEGER,
	token_id INTEGER,
	token VARCHAR,
	activation DOUBLE PRECISION,
	probability DOUBLE PRECISION,
	effect DOUBLE PRECISION,
	influence DOUBLE PRECISION NOT NULL,
	cumulative DOUBLE PRECISION NOT NULL,
	kept BOOLEAN NOT NULL,
	PRIMARY KEY (graph, node),
	CONSTRAINT graph_node_kind CHECK (kind IN ('token', 'feature', 'error', 'logit'))
);

COMMENT ON TABLE graph_node IS 'A node of a graph: a token, a feature that fires, an SAE''s error, or a logit; BOS is none';

COMMENT ON COLUMN graph_node.graph IS 'Graph';

COMMENT ON COLUMN graph_node.node IS 'Number of the node in its graph, from 0: level by level';

COMMENT ON COLUMN graph_node.kind IS 'token (its embedding), feature, error (what an SAE leaves over at a position) or logit';

COMMENT ON COLUMN graph_node.level IS '0: tokens; then SAEs as the model runs; the targets last';

COMMENT ON COLUMN graph_node.sae IS 'SAE of the feature or the error';

COMMENT ON COLUMN graph_node.position IS 'Position, BOS being 0';

COMMENT ON COLUMN graph_node.feature IS 'Zero-based index of the feature';

COMMENT ON COLUMN graph_node.token_id IS 'Token that is embedded, or whose logit it is';

COMMENT ON COLUMN graph_node.token IS 'Its text';

COMMENT ON COLUMN graph_node.activation IS 'Activation of the feature';

COMMENT ON COLUMN graph_node.probability IS 'Probability of the token (kind logit)';

COMMENT ON COLUMN graph_node.effect IS 'How far the target falls where the node is taken out of the run, exactly, by every path; NULL for targets';

COMMENT ON COLUMN graph_node.influence IS 'Sum over paths to the target of the product of their shares';

COMMENT ON COLUMN graph_node.cumulative IS 'Share of all influence that it and the nodes with more of it have together';

COMMENT ON COLUMN graph_node.kept IS 'Whether it is left after pruning';

CREATE TABLE graph (
	graph INTEGER NOT NULL,
	ingest_run INTEGER NOT NULL,
	model SMALLINT NOT NULL,
	method VARCHAR NOT NULL,
	sae SMALLINT,
	feature INTEGER,
	document INTEGER,
	ordinal INTEGER NOT NULL,
	text VARCHAR NOT NULL,
	tokens JSON NOT NULL,
	first_position SMALLINT NOT NULL,
	position SMALLINT NOT NULL,
	node_threshold DOUBLE PRECISION NOT NULL,
	edge_threshold DOUBLE PRECISION NOT NULL,
	left_out INTEGER NOT NULL,
	nodes INTEGER NOT NULL,
	edges INTEGER NOT NULL,
	clean_value DOUBLE PRECISION NOT NULL,
	circuit_value DOUBLE PRECISION NOT NULL,
	empty_value DOUBLE PRECISION NOT NULL,
	rest_value DOUBLE PRECISION NOT NULL,
	least_difference DOUBLE PRECISION NOT NULL,
	faithfulness DOUBLE PRECISION,
	completeness DOUBLE PRECISION,
	agreement DOUBLE PRECISION,
	identity VARCHAR NOT NULL,
	PRIMARY KEY (graph),
	CONSTRAINT graph_method CHECK (method IN ('ablation', 'gradient', 'integrated')),
	FOREIGN KEY(ingest_run) REFERENCES ingest_run (ingest_run),
	UNIQUE (identity)
);

COMMENT ON TABLE graph IS 'What leads to a feature, or to the next token, on a prompt: features and errors of SAEs, and tokens';

COMMENT ON COLUMN graph.graph IS 'Key';

COMMENT ON COLUMN graph.ingest_run IS 'Run that computed it';

COMMENT ON COLUMN graph.model IS 'Model';

COMMENT ON COLUMN graph.method IS 'What edges are: ablation (exact, one node taken out at a time), gradient (x difference) or integrated (gradients at ten points)';

COMMENT ON COLUMN graph.sae IS 'SAE of the target feature; NULL: next tokens';

COMMENT ON COLUMN graph.feature IS 'Target feature, zero-based; NULL: next tokens';

COMMENT ON COLUMN graph.document IS 'Document of the prompt; NULL where it was given by hand';

COMMENT ON COLUMN graph.ordinal IS 'Window of the document, from 0';

COMMENT ON COLUMN graph.text IS 'The prompt, as far as the position';

COMMENT ON COLUMN graph.tokens IS 'Texts of its tokens, BOS left out';

COMMENT ON COLUMN graph.first_position IS 'Position of the first token, 1 after BOS, else 0';

COMMENT ON COLUMN graph.position IS 'Position of the target, BOS being 0';

COMMENT ON COLUMN graph.node_threshold IS 'Share of all influence that nodes are kept to';

COMMENT ON COLUMN graph.edge_threshold IS 'Share of influence that edges are kept to';

COMMENT ON COLUMN graph.left_out IS 'Active features that are no nodes, since there were too many';

COMMENT ON COLUMN graph.nodes IS 'Nodes before pruning, targets among them';

COMMENT ON COLUMN graph.edges IS 'Edges before pruning, those of no effect left out';

COMMENT ON COLUMN graph.clean_value IS 'The target as it is: activation, or mean of the logits by their probability, less the mean of all';

COMMENT ON COLUMN graph.circuit_value IS 'The target with the kept nodes alone at every SAE';

COMMENT ON COLUMN graph.empty_value IS 'The target with no node at any SAE';

COMMENT ON COLUMN graph.rest_value IS 'The target with all but the kept nodes';

COMMENT ON COLUMN graph.least_difference IS 'Where clean_value and empty_value are no further apart, shares are NULL: 0.001 of the feature''s largest activation, 0.01 for logits';

COMMENT ON COLUMN graph.faithfulness IS '(circuit_value - empty_value) / (clean_value - empty_value)';

COMMENT ON COLUMN graph.completeness IS '(rest_value - empty_value) / (clean_value - empty_value): 0 where nothing that matters is left out';

COMMENT ON COLUMN graph.agreement IS 'Spearman''s correlation of all edges with those of ablation; NULL for ablation, and where one does not vary';

COMMENT ON COLUMN graph.identity IS 'Hash of all it depends on: makes a rerun free';
