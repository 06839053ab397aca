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

-- every SAE is named as the newest of its name is, or by its hash
SELECT COUNT(*)
FROM (
  SELECT
    *,
    ROW_NUMBER() OVER (ORDER BY first_sae, sae DESC) - 1 AS place
  FROM (
    SELECT
      *,
      MIN(sae) OVER named AS first_sae,
      sae = MAX(sae) OVER named AS newest
    FROM sae
    WINDOW named AS (PARTITION BY release, sae_id)
  )
)
WHERE ordinal <> place
  OR label <> CASE WHEN newest THEN release || '/' || sae_id ELSE pinned END
  OR NOT starts_with(pinned, release || '/' || sae_id || '@');

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
WITH placed AS (
  SELECT coverage.sae, context, document, corpus
  FROM coverage
  JOIN sae USING (sae)
  JOIN document USING (document)
  JOIN context USING (document, tokenization)
  WHERE summed
),
centre AS (
  SELECT sae, corpus, feature, FAVG(activation) AS mean_active
  FROM activation
  JOIN placed USING (sae, context)
  GROUP BY ALL
),
deviation AS (
  SELECT sae, corpus, feature, document, activation, mean_active, CAST(activation AS DOUBLE) - mean_active AS d
  FROM activation
  JOIN placed USING (sae, context)
  JOIN centre USING (sae, corpus, feature)
)
SELECT COUNT(*)
FROM feature_corpus AS stored
FULL JOIN (
  SELECT
    sae,
    corpus,
    feature,
    COUNT(DISTINCT document) AS documents,
    COUNT(*) AS active_tokens,
    MAX(activation) AS max_activation,
    ANY_VALUE(mean_active) AS mean_active,
    SUM(d * d) AS m2,
    SUM(d * d * d) AS m3,
    SUM(d * d * d * d) AS m4
  FROM deviation
  GROUP BY ALL
) AS held ON held.sae = stored.sae AND held.corpus = stored.corpus AND held.feature = stored.feature
WHERE held.documents IS DISTINCT FROM stored.documents
  OR held.active_tokens IS DISTINCT FROM stored.active_tokens
  OR held.max_activation IS DISTINCT FROM stored.max_activation
  OR NOT COALESCE(ABS(held.mean_active - stored.mean_active) <= 1e-9 * held.mean_active, false)
  OR NOT COALESCE(ABS(m2 - m2_active) <= 1e-6 * m2, false)
  OR NOT COALESCE(ABS(m3 - m3_active) <= 1e-6 * SQRT(m2 * m4), false)
  OR NOT COALESCE(ABS(m4 - m4_active) <= 1e-6 * m4, false);

-- the moments of feature_corpus follow from its sums, and can be
SELECT COUNT(*)
FROM (
  SELECT
    stored.*,
    CAST(tokens AS DOUBLE) AS n,
    m2_active + n * density * (1 - density) * POWER(mean_active, 2) AS m2,
    mean_active * (1 - density) AS below,
    m3_active + 3 * below * m2_active + active_tokens * POWER(below, 3) - (n - active_tokens) * POWER(mean, 3) AS m3,
    m4_active + 4 * below * m3_active + 6 * POWER(below, 2) * m2_active + active_tokens * POWER(below, 4)
      + (n - active_tokens) * POWER(mean, 4) AS m4
  FROM feature_corpus AS stored
  JOIN sae_corpus USING (sae, corpus)
)
WHERE NOT COALESCE(ABS(density - active_tokens / n) <= 1e-9, false)
  OR NOT COALESCE(ABS(mean - density * mean_active) <= 1e-9 * mean, false)
  OR NOT COALESCE(ABS(n * POWER(std, 2) - m2) <= 1e-6 * m2, false)
  OR NOT COALESCE(ABS(active_tokens * POWER(std_active, 2) - m2_active) <= 1e-6 * m2_active, false)
  OR (skewness IS NULL) <> (std = 0)
  OR (kurtosis IS NULL) <> (std = 0)
  OR NOT COALESCE(ABS(n * skewness * POWER(std, 3) - m3) <= 1e-6 * SQRT(m2 * m4), std = 0)
  OR NOT COALESCE(ABS(n * kurtosis * POWER(std, 4) - m4) <= 1e-6 * m4, std = 0)
  OR kurtosis < (1 + POWER(skewness, 2)) * (1 - 1e-6);

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
  OR NOT COALESCE(ABS(held.total - stored.active_tokens * mean_active) <= 1e-9 * held.total, false);

-- no bin and no token of a feature is stored twice
SELECT
  (SELECT COUNT(*) FROM (SELECT 1 FROM feature_histogram GROUP BY sae, corpus, feature, bin HAVING COUNT(*) > 1))
  + (SELECT COUNT(*) FROM (SELECT 1 FROM feature_token GROUP BY sae, corpus, feature, token_id HAVING COUNT(*) > 1));

-- feature_top_token ranks the ten tokens that feature_token has most of, over all corpora
WITH counted AS (
  SELECT
    sae,
    feature,
    token_id,
    SUM(active_tokens) AS times,
    SUM(sum_activation) AS total,
    COUNT(*) OVER (PARTITION BY sae, feature) AS tokens,
    RANK() OVER (PARTITION BY sae, feature ORDER BY SUM(active_tokens) DESC) AS place
  FROM feature_token
  GROUP BY sae, feature, token_id
)
SELECT
  (
    SELECT COUNT(*)
    FROM feature_top_token AS stored
    LEFT JOIN counted USING (sae, feature, token_id)
    LEFT JOIN feature_top_token AS following
      ON following.sae = stored.sae AND following.feature = stored.feature AND following.rank = stored.rank + 1
    WHERE times IS DISTINCT FROM stored.active_tokens
      OR place > stored.rank
      OR ABS(total - stored.sum_activation) > 1e-9 * total
      OR following.active_tokens > stored.active_tokens
      OR (following.active_tokens = stored.active_tokens AND following.sum_activation > stored.sum_activation)
  )
  + (
    SELECT COUNT(*)
    FROM (SELECT sae, feature, ANY_VALUE(tokens) AS tokens FROM counted GROUP BY ALL)
    FULL JOIN (
      SELECT sae, feature, COUNT(*) AS stored, COUNT(DISTINCT rank) AS ranks, MAX(rank) AS last
      FROM feature_top_token
      GROUP BY ALL
    ) USING (sae, feature)
    WHERE stored IS DISTINCT FROM LEAST(tokens, 10)
      OR ranks <> stored
      OR last <> stored
  );

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

-- every contrast has the features and documents it says, or is marked to be computed again
SELECT COUNT(*)
FROM sae_contrast
LEFT JOIN (
  SELECT contrast, sae, COUNT(q) AS tested, MAX(fires_positive) AS most_positive, MAX(fires_control) AS most_control
  FROM feature_contrast
  GROUP BY ALL
) AS held USING (contrast, sae)
WHERE documents_hash <> ''
  AND (
    COALESCE(held.tested, 0) <> features_tested
    OR COALESCE(held.most_positive, 0) > documents_positive
    OR COALESCE(held.most_control, 0) > documents_control
  );

-- the documents of a contrast are as many as it says, and those of one group are in one half
SELECT
  (
    SELECT COUNT(*)
    FROM sae_contrast
    LEFT JOIN (
      SELECT
        contrast,
        sae,
        COUNT(*) FILTER (positive) AS positive,
        COUNT(*) FILTER (NOT positive) AS control,
        COUNT(*) FILTER (positive AND split = 'discovery') AS positive_half,
        COUNT(*) FILTER (NOT positive AND split = 'discovery') AS control_half
      FROM contrast_document
      GROUP BY ALL
    ) AS held USING (contrast, sae)
    WHERE documents_hash <> ''
      AND (
        held.positive IS DISTINCT FROM documents_positive
        OR held.control IS DISTINCT FROM documents_control
        OR held.positive_half IS DISTINCT FROM discovery_positive
        OR held.control_half IS DISTINCT FROM discovery_control
      )
  )
  + (
    SELECT COUNT(*)
    FROM (
      SELECT contrast, sae, group_name
      FROM contrast_document
      JOIN document USING (document)
      JOIN sae_contrast USING (contrast, sae)
      WHERE documents_hash <> ''
        AND group_name IS NOT NULL
      GROUP BY ALL
      HAVING COUNT(DISTINCT split) > 1
    )
  );

-- every figure of a contrast belongs to a feature of the contrast
SELECT COUNT(*)
FROM (
  SELECT contrast, sae, feature FROM feature_confirmation
  UNION
  SELECT contrast, sae, feature FROM feature_pair
  UNION
  SELECT contrast, sae, feature FROM feature_domain
  UNION
  SELECT contrast, sae, feature FROM feature_evidence
  UNION
  SELECT contrast, sae, feature FROM feature_lift
  UNION
  SELECT contrast, sae, feature FROM contrast_set
)
ANTI JOIN feature_contrast USING (contrast, sae, feature);

-- every feature of a contrast has a confirmation, and every contrast a row for its SAE
SELECT
  (SELECT COUNT(*) FROM feature_contrast ANTI JOIN feature_confirmation USING (contrast, sae, feature))
  + (SELECT COUNT(*) FROM feature_contrast ANTI JOIN sae_contrast USING (contrast, sae))
  + (SELECT COUNT(*) FROM contrast_null ANTI JOIN sae_contrast USING (contrast, sae))
  + (SELECT COUNT(*) FROM contrast_correlation ANTI JOIN sae_contrast USING (contrast, sae));

-- a set of features is as large as its contrast says, numbered by weight and by entry
SELECT COUNT(*)
FROM sae_contrast
LEFT JOIN (
  SELECT
    contrast,
    sae,
    COUNT(*) AS size,
    MAX(rank) AS ranks,
    COUNT(DISTINCT entered) AS entries,
    COUNT(DISTINCT feature) AS features,
    MAX(entered) AS last
  FROM contrast_set
  GROUP BY ALL
) AS held USING (contrast, sae)
WHERE documents_hash <> ''
  AND (
    COALESCE(held.size, 0) <> COALESCE(set_size, 0)
    OR held.size <> LEAST(ranks, entries, features, last)
    OR held.size <> GREATEST(ranks, entries, features, last)
  );

-- no pair and no domain counts more than there is
SELECT
  (
    SELECT COUNT(*)
    FROM feature_pair
    JOIN sae_contrast USING (contrast, sae)
    WHERE higher + lower > pairs
  )
  + (
    SELECT COUNT(*)
    FROM feature_domain
    WHERE fires > documents
      OR called > documents_confirmation
      OR documents_confirmation > documents
  );

-- every shuffle of a null is there, from 1, with one seed
SELECT COUNT(*)
FROM (
  SELECT contrast, sae
  FROM contrast_null
  GROUP BY ALL
  HAVING COUNT(*) <> MAX(shuffle) OR MIN(shuffle) <> 1 OR COUNT(DISTINCT seed) <> 1
);

-- every explanation has a Shapley value for each player, and they add up
SELECT COUNT(*)
FROM explanation AS e
LEFT JOIN (
  SELECT explanation, COUNT(*) AS players, SUM(value) AS total, COUNT(DISTINCT rank) AS ranks
  FROM (
    SELECT explanation, value, rank FROM token_attribution
    UNION ALL
    SELECT explanation, value, rank FROM feature_attribution
  )
  GROUP BY ALL
) AS held USING (explanation)
WHERE held.players IS DISTINCT FROM e.players
  OR held.ranks IS DISTINCT FROM e.players
  OR NOT COALESCE(
    ABS(full_value - base_value - total - residual) <= 1e-9 * (1 + ABS(full_value) + ABS(base_value)), false
  );

-- every figure of an SAE on a corpus can be, and follows from the others
SELECT COUNT(*)
FROM sae_quality AS q
JOIN sae USING (sae)
LEFT JOIN (
  SELECT corpus, COUNT(*) AS documents
  FROM document
  GROUP BY corpus
) AS held USING (corpus)
WHERE NOT COALESCE(q.documents BETWEEN 1 AND held.documents, false)
  OR NOT (q.predicted_tokens BETWEEN 1 AND q.tokens)
  OR NOT (q.dead_share BETWEEN 0 AND 1)
  OR NOT (q.l0 BETWEEN 0 AND d_sae * (1 - q.dead_share) + 1e-9 * d_sae)
  OR (q.l0 = 0) <> (q.dead_share = 1)
  OR q.explained_variance > 1
  OR NOT (LEAST(q.ce_clean, q.ce_sae, q.ce_zero) >= 0)
  OR NOT COALESCE(isfinite(q.ce_clean + q.ce_sae + q.ce_zero + COALESCE(q.explained_variance, 0)), false)
  OR ABS(q.ce_rise - (q.ce_sae - q.ce_clean)) > 1e-9
  OR (q.ce_recovered IS NULL) <> (q.ce_zero = q.ce_clean)
  OR ABS(q.ce_recovered * (q.ce_zero - q.ce_clean) - (q.ce_zero - q.ce_sae)) > 1e-9
  OR ABS(q.ce_recovered_uniform * (q.ce_uniform - q.ce_clean) - (q.ce_uniform - q.ce_sae)) > 1e-9;

-- every feature has its neighbours once each, the nearest first
SELECT
  (
    SELECT COUNT(*)
    FROM feature_neighbour AS n
    LEFT JOIN feature AS other ON other.sae = n.sae AND other.feature = n.other_feature
    WHERE other.feature IS NULL
      OR n.other_feature = n.feature
      OR NOT (n.cosine BETWEEN -1 AND 1)
  )
  + (
    SELECT COUNT(*)
    FROM (
      SELECT sae, feature
      FROM feature_neighbour
      GROUP BY ALL
      HAVING COUNT(*) <> MAX(rank)
        OR COUNT(DISTINCT rank) <> MAX(rank)
        OR COUNT(DISTINCT other_feature) <> COUNT(*)
    )
  )
  + (
    SELECT COUNT(*)
    FROM feature_neighbour AS n
    JOIN feature_neighbour AS following
      ON following.sae = n.sae
      AND following.feature = n.feature
      AND following.rank = n.rank + 1
    WHERE following.cosine > n.cosine
  )
