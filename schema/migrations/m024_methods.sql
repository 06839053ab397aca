-- Version 24: by which revision of each method the rows of a file were computed. Steered prompts and scores of labels
-- of older files may be of two revisions that cannot be told apart: they count as of the older one.

CREATE TABLE method_revision (
	method VARCHAR NOT NULL,
	revision INTEGER NOT NULL,
	PRIMARY KEY (method)
);

COMMENT ON TABLE method_revision IS 'Revision of each method that the rows of this file were computed by';

COMMENT ON COLUMN method_revision.method IS 'What is computed: contrast, steering, graph, ...';

COMMENT ON COLUMN method_revision.revision IS 'Raised when the method gives other values for the same input';

INSERT INTO method_revision VALUES
	('ablation', 1),
	('association', 1),
	('attention', 1),
	('attention contrast', 1),
	('clusters', 1),
	('company', 1),
	('contrast', 8),
	('direct attribution', 1),
	('explanation', 1),
	('graph', 1),
	('labels', 2),
	('matches', 1),
	('neighbours', 1),
	('patching', 1),
	('quality', 1),
	('reproduction', 1),
	('steering', 1);
