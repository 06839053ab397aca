-- Version 22: which features write against each other.

CREATE TABLE feature_opposite (
	sae SMALLINT NOT NULL,
	feature INTEGER NOT NULL,
	rank SMALLINT NOT NULL,
	other_feature INTEGER NOT NULL,
	cosine REAL NOT NULL
);

COMMENT ON TABLE feature_opposite IS 'The three features whose decoder directions are most opposite to a feature''s';

COMMENT ON COLUMN feature_opposite.sae IS 'SAE of both features';

COMMENT ON COLUMN feature_opposite.feature IS 'Zero-based index in the SAE';

COMMENT ON COLUMN feature_opposite.rank IS '1 is the most opposite';

COMMENT ON COLUMN feature_opposite.other_feature IS 'The other''s zero-based index in the same SAE';

COMMENT ON COLUMN feature_opposite.cosine IS 'Cosine of the two decoder directions, the most negative first';
