-- Version 7: p that hold whatever the sizes of the sides, a family-wise p, and no q of the version before.

ALTER TABLE feature_contrast ADD COLUMN family_p DOUBLE PRECISION;

ALTER TABLE contrast_null ADD COLUMN min_q DOUBLE PRECISION;

COMMENT ON COLUMN feature_contrast.p IS 'Rank-sum p: share of all exchanges of labels between groups with a rank sum as far from its mean; exact where 10 fire or fewer or a side has 8 or fewer, else exact in how many fire, normal given that';

COMMENT ON COLUMN feature_contrast.q IS 'Benjamini-Hochberg q of p over the tested features, raised to the share of shuffles in which any feature has as small a q; NULL if not tested, or computed by an older version and to be computed again';

COMMENT ON COLUMN feature_contrast.fisher_p IS 'Two-sided p of Fisher''s exact test on fires / does not fire, documents taken as independent; describes, nothing is called by it';

COMMENT ON COLUMN feature_contrast.p_length IS 'The same as p with exchanges of labels within fifths of like length only';

COMMENT ON COLUMN feature_contrast.family_p IS 'Chance that any feature does as well under shuffled labels: Westfall-Young step-down of the smallest p; NULL if not tested or without shuffles';

COMMENT ON COLUMN feature_confirmation.p_discovery IS 'p as in feature_contrast, over the discovery half alone';

COMMENT ON COLUMN feature_pair.p IS 'Wilcoxon signed-rank p, two-sided: exact up to 50 differences';

COMMENT ON COLUMN feature_pair.q IS 'Benjamini-Hochberg q over features with 5 differences or more; NULL if fewer, or to be computed again';

COMMENT ON COLUMN contrast_null.min_p IS 'Smallest p over the tested features';

COMMENT ON COLUMN contrast_null.min_q IS 'Smallest Benjamini-Hochberg q over them; NULL from an older version';

UPDATE feature_contrast SET q = NULL, p_length = NULL;

UPDATE feature_confirmation SET q_discovery = NULL;

UPDATE feature_pair SET q = NULL;

UPDATE sae_contrast SET documents_hash = '';
