-- Version 25: whether heads look elsewhere is also told among documents of like length.

ALTER TABLE attention_contrast ADD COLUMN auroc_length DOUBLE PRECISION;

COMMENT ON COLUMN attention_contrast.auroc_length IS 'auroc among documents of like length, each group''s as one where it is on one side; NULL where no length is on both';

ALTER TABLE attention_contrast ADD COLUMN p_length DOUBLE PRECISION;

COMMENT ON COLUMN attention_contrast.p_length IS 'Two-sided p of the rank sums within lengths, by van Elteren''s test';

COMMENT ON COLUMN attention_contrast.p IS 'Two-sided rank-sum p, by exchanges of labels within groups and among documents of like length';
