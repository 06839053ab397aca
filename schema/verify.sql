-- no activation is stored twice
SELECT COUNT(*)
FROM (
  SELECT sae, feature, context, position
  FROM activation
  GROUP BY ALL
  HAVING COUNT(*) > 1
);

-- every activation is above zero, and finite
SELECT COUNT(*)
FROM activation
WHERE NOT (activation > 0 AND isfinite(activation));

-- every activation stands on a token of a document that its SAE has encoded
SELECT COUNT(*)
FROM (
  SELECT DISTINCT sae, context, position
  FROM activation
) AS place
LEFT JOIN token USING (context, position)
LEFT JOIN context USING (context)
LEFT JOIN coverage ON coverage.document = context.document AND coverage.sae = place.sae
WHERE token.token_id IS NULL
  OR coverage.document IS NULL;

-- every window holds the tokens it says, at positions in a row
SELECT COUNT(*)
FROM context
LEFT JOIN (
  SELECT context, COUNT(*) AS n, MIN(position) AS lowest, MAX(position) AS highest
  FROM token
  GROUP BY context
) AS held USING (context)
JOIN tokenization USING (tokenization)
WHERE held.n IS DISTINCT FROM context.tokens
  OR held.lowest IS DISTINCT FROM CAST(prepend_bos AS INTEGER)
  OR held.highest - held.lowest + 1 IS DISTINCT FROM context.tokens
  OR held.highest >= context_size;

-- every token lies inside its document
SELECT COUNT(*)
FROM token
JOIN context USING (context)
JOIN document USING (document)
WHERE char_start < 0
  OR char_end < char_start
  OR char_end > length(document.text);

-- every term stands where its span says
SELECT COUNT(*)
FROM document
WHERE term IS NOT NULL
  AND substr(text, term_start + 1, term_end - term_start) <> term;

-- every document has one window chosen by hash in each tokenization
SELECT COUNT(*)
FROM (
  SELECT document, tokenization
  FROM context
  GROUP BY ALL
  HAVING COUNT(*) FILTER (WHERE sampled) <> 1
);

-- every coverage counts the windows and tokens of its document
SELECT COUNT(*)
FROM coverage
JOIN sae USING (sae)
LEFT JOIN (
  SELECT document, tokenization, COUNT(*) AS contexts, SUM(tokens) AS tokens
  FROM context
  GROUP BY ALL
) AS held ON held.document = coverage.document AND held.tokenization = sae.tokenization
WHERE held.contexts IS DISTINCT FROM coverage.contexts
  OR held.tokens IS DISTINCT FROM coverage.tokens;

-- sae_corpus counts what is summed
SELECT COUNT(*)
FROM sae_corpus AS stored
FULL JOIN (
  SELECT sae, corpus, COUNT(*) AS documents, SUM(contexts) AS contexts, SUM(tokens) AS tokens
  FROM coverage
  JOIN document USING (document)
  WHERE summed
  GROUP BY ALL
) AS held ON held.sae = stored.sae AND held.corpus = stored.corpus
WHERE held.documents IS DISTINCT FROM stored.documents
  OR held.contexts IS DISTINCT FROM stored.contexts
  OR held.tokens IS DISTINCT FROM stored.tokens;

-- feature_document equals what the activations give
SELECT COUNT(*)
FROM feature_document AS stored
FULL JOIN (
  SELECT
    activation.sae,
    feature,
    context.document,
    MAX(activation) AS max_activation,
    SUM(CAST(activation AS DOUBLE)) AS sum_activation,
    COUNT(*) AS active_tokens,
    COALESCE(MAX(activation) FILTER (WHERE sampled), 0) AS window_max
  FROM activation
  JOIN context USING (context)
  JOIN coverage ON coverage.sae = activation.sae AND coverage.document = context.document AND summed
  GROUP BY ALL
) AS held ON held.sae = stored.sae AND held.feature = stored.feature AND held.document = stored.document
WHERE held.active_tokens IS DISTINCT FROM stored.active_tokens
  OR held.max_activation IS DISTINCT FROM stored.max_activation
  OR held.window_max IS DISTINCT FROM stored.window_max
  OR NOT COALESCE(ABS(held.sum_activation - stored.sum_activation) <= 1e-9 * held.sum_activation, false);

-- feature_corpus equals what the activations give
SELECT COUNT(*)
FROM feature_corpus AS stored
FULL JOIN (
  SELECT
    activation.sae,
    document.corpus,
    feature,
    COUNT(DISTINCT document.document) AS documents,
    COUNT(*) AS active_tokens,
    SUM(CAST(activation AS DOUBLE)) AS sum_1,
    SUM(POWER(CAST(activation AS DOUBLE), 2)) AS sum_2,
    SUM(POWER(CAST(activation AS DOUBLE), 3)) AS sum_3,
    SUM(POWER(CAST(activation AS DOUBLE), 4)) AS sum_4,
    MAX(activation) AS max_activation
  FROM activation
  JOIN context USING (context)
  JOIN document USING (document)
  JOIN coverage ON coverage.sae = activation.sae AND coverage.document = context.document AND summed
  GROUP BY ALL
) AS held ON held.sae = stored.sae AND held.corpus = stored.corpus AND held.feature = stored.feature
WHERE held.documents IS DISTINCT FROM stored.documents
  OR held.active_tokens IS DISTINCT FROM stored.active_tokens
  OR held.max_activation IS DISTINCT FROM stored.max_activation
  OR NOT COALESCE(ABS(held.sum_1 - stored.sum_1) <= 1e-9 * held.sum_1, false)
  OR NOT COALESCE(ABS(held.sum_2 - stored.sum_2) <= 1e-9 * held.sum_2, false)
  OR NOT COALESCE(ABS(held.sum_3 - stored.sum_3) <= 1e-9 * held.sum_3, false)
  OR NOT COALESCE(ABS(held.sum_4 - stored.sum_4) <= 1e-9 * held.sum_4, false);

-- feature_histogram and feature_token count the tokens that feature_corpus counts
SELECT COUNT(*)
FROM feature_corpus AS stored
FULL JOIN (
  SELECT sae, corpus, feature, SUM(tokens) AS tokens
  FROM feature_histogram
  GROUP BY ALL
) AS binned ON binned.sae = stored.sae AND binned.corpus = stored.corpus AND binned.feature = stored.feature
FULL JOIN (
  SELECT sae, corpus, feature, SUM(active_tokens) AS tokens, SUM(sum_activation) AS total
  FROM feature_token
  GROUP BY ALL
) AS held ON held.sae = stored.sae AND held.corpus = stored.corpus AND held.feature = stored.feature
WHERE binned.tokens IS DISTINCT FROM stored.active_tokens
  OR held.tokens IS DISTINCT FROM stored.active_tokens
  OR NOT COALESCE(ABS(held.total - stored.sum_1) <= 1e-9 * stored.sum_1, false);

-- no bin and no token of a feature is stored twice
SELECT
  (SELECT COUNT(*) FROM (SELECT 1 FROM feature_histogram GROUP BY sae, corpus, feature, bin HAVING COUNT(*) > 1))
  + (SELECT COUNT(*) FROM (SELECT 1 FROM feature_token GROUP BY sae, corpus, feature, token_id HAVING COUNT(*) > 1));

-- every example shows the activation it says, and the first of them the maximum
SELECT COUNT(*)
FROM feature_example AS example
LEFT JOIN activation AS held
  ON held.sae = example.sae
  AND held.feature = example.feature
  AND held.context = example.context
  AND held.position = example.position
LEFT JOIN feature_corpus AS stored
  ON stored.sae = example.sae
  AND stored.corpus = example.corpus
  AND stored.feature = example.feature
WHERE held.activation IS DISTINCT FROM example.activation
  OR (sampling = 'top' AND rank = 1 AND stored.max_activation IS DISTINCT FROM example.activation);

-- every contrast has the features and documents it says
SELECT COUNT(*)
FROM sae_contrast
LEFT JOIN (
  SELECT contrast, sae, COUNT(q) AS tested, MAX(fires_positive) AS most_positive, MAX(fires_control) AS most_control
  FROM feature_contrast
  GROUP BY ALL
) AS held USING (contrast, sae)
WHERE COALESCE(held.tested, 0) <> features_tested
  OR COALESCE(held.most_positive, 0) > documents_positive
  OR COALESCE(held.most_control, 0) > documents_control;
