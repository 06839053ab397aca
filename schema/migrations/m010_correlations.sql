-- Version 10: correlations whose intervals do not take features as independent.

ALTER TABLE contrast_correlation ADD COLUMN clusters INTEGER;

ALTER TABLE contrast_correlation ADD COLUMN low_given_frequency DOUBLE PRECISION;

ALTER TABLE contrast_correlation ADD COLUMN high_given_frequency DOUBLE PRECISION;

COMMENT ON COLUMN contrast_correlation.features IS 'Tested features for which both and frequency are known';

COMMENT ON COLUMN contrast_correlation.low IS 'Lower end of its interval at level 0.95, bootstrap over clusters';

COMMENT ON COLUMN contrast_correlation.clusters IS 'Of so many clusters: features that chains of decoder cosines above 0.4 join';

COMMENT ON COLUMN contrast_correlation.low_given_frequency IS 'Lower end of the interval of rho_given_frequency';

COMMENT ON COLUMN contrast_correlation.high_given_frequency IS 'Upper end';

UPDATE contrast_correlation SET low = NULL, high = NULL;

UPDATE sae_contrast SET documents_hash = '';
