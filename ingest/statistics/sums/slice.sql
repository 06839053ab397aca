-- What a slice of windows gives to the moments, histograms, tokens and examples. Windows that stay behind what a feature
-- has already are left out.
INSERT INTO slice_moments BY NAME FROM moments;

INSERT INTO slice_histogram BY NAME FROM bins;

INSERT INTO slice_token BY NAME FROM tokens;

INSERT INTO slice_example BY NAME
SELECT examples.*
FROM examples
LEFT JOIN weakest USING (corpus, feature)
LEFT JOIN last_drawn USING (corpus, feature, octave)
WHERE weakest.activation IS NULL
  OR examples.activation >= weakest.activation
  OR last_drawn.content_hash IS NULL
  OR examples.content_hash <= last_drawn.content_hash;
