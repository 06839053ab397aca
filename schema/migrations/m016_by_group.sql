-- Version 16: length and firing are compared by group; contrasts are to be computed again.

COMMENT ON COLUMN sae_contrast.length_p IS 'Two-sided rank-sum p that both sides are of like length, groups exchanging labels';

COMMENT ON COLUMN feature_contrast.fisher_p IS 'Two-sided p of Fisher''s exact test on fires / does not fire; where groups have several documents, of the share of a group''s documents, groups exchanging labels; describes, nothing is called by it';

UPDATE sae_contrast SET documents_hash = '';
