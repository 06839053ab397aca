-- no activation is stored twice
SELECT COUNT(*)
FROM (
  SELECT sae, feature, context, position
  FROM activation
  WHERE context BETWEEN $first_context AND $last_context
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
    ROW_NUMBER() OVER (ORDER BY first_sae, exact DESC, sae DESC) - 1 AS place
  FROM (
    SELECT
      *,
      MIN(sae) OVER (PARTITION BY release, sae_id) AS first_sae,
      ROW_NUMBER() OVER (PARTITION BY release, sae_id ORDER BY exact DESC, sae DESC) = 1 AS newest
    FROM (
      SELECT sae.*, json_extract(model.config, '$.precision') IS NULL AS exact
      FROM sae
      JOIN model USING (model)
    )
  )
)
WHERE ordinal <> place
  OR label <> CASE WHEN newest THEN release || '/' || sae_id ELSE pinned END
  OR NOT starts_with(pinned, release || '/' || sae_id || '@');

-- every feature has the logit weights that its SAE says it has
SELECT COUNT(*)
FROM feature
JOIN sae USING (sae)
WHERE (logit_mean IS NULL) <> (logit_std IS NULL)
  OR (logit_mean IS NULL AND logit_weights IN ('plain', 'cosine'))
  OR (logit_mean IS NOT NULL AND logit_weights = 'none');

-- every activation stands on a token of a document that its SAE has encoded
SELECT COUNT(*)
FROM (
  SELECT DISTINCT sae, context, position
  FROM activation
  WHERE context BETWEEN $first_context AND $last_context
) AS place
LEFT JOIN (
  SELECT context, position, token_id
  FROM token
  WHERE context BETWEEN $first_context AND $last_context
) AS token USING (context, position)
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
LEFT JOIN (
  SELECT sae, corpus, SUM(active_tokens) AS activations
  FROM feature_corpus
  GROUP BY ALL
) AS fired ON fired.sae = stored.sae AND fired.corpus = stored.corpus
WHERE held.documents IS DISTINCT FROM stored.documents
  OR held.contexts IS DISTINCT FROM stored.contexts
  OR held.tokens IS DISTINCT FROM stored.tokens
  OR COALESCE(fired.activations, 0) IS DISTINCT FROM stored.activations;

-- feature_document equals what the activations give
WITH windows AS (
  SELECT context, document, sampled
  FROM context
  WHERE document BETWEEN $first_document AND $last_document
)
SELECT COUNT(*)
FROM (
  FROM feature_document
  WHERE document BETWEEN $first_document AND $last_document
) AS stored
FULL JOIN (
  SELECT
    activation.sae,
    feature,
    windows.document,
    MAX(activation) AS max_activation,
    SUM(CAST(activation AS DOUBLE)) AS sum_activation,
    COUNT(*) AS active_tokens,
    COALESCE(MAX(activation) FILTER (WHERE sampled), 0) AS window_max
  FROM activation
  JOIN windows USING (context)
  JOIN coverage ON coverage.sae = activation.sae AND coverage.document = windows.document AND summed
  WHERE activation.context BETWEEN (SELECT MIN(context) FROM windows) AND (SELECT MAX(context) FROM windows)
  GROUP BY ALL
) AS held ON held.sae = stored.sae AND held.feature = stored.feature AND held.document = stored.document
WHERE held.active_tokens IS DISTINCT FROM stored.active_tokens
  OR held.max_activation IS DISTINCT FROM stored.max_activation
  OR held.window_max IS DISTINCT FROM stored.window_max
  OR NOT COALESCE(ABS(held.sum_activation - stored.sum_activation) <= 1e-9 * held.sum_activation, false);

-- feature_corpus equals what the activations give
WITH placed AS (
  SELECT coverage.sae, context, corpus
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
  SELECT sae, corpus, feature, activation, mean_active, CAST(activation AS DOUBLE) - mean_active AS d
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
    COUNT(*) AS active_tokens,
    MAX(activation) AS max_activation,
    ANY_VALUE(mean_active) AS mean_active,
    SUM(d * d) AS m2,
    SUM(d * d * d) AS m3,
    SUM(d * d * d * d) AS m4
  FROM deviation
  GROUP BY ALL
) AS held ON held.sae = stored.sae AND held.corpus = stored.corpus AND held.feature = stored.feature
LEFT JOIN (
  SELECT sae, corpus, feature, COUNT(*) AS documents
  FROM feature_document
  JOIN document USING (document)
  GROUP BY ALL
) AS fired ON fired.sae = stored.sae AND fired.corpus = stored.corpus AND fired.feature = stored.feature
WHERE fired.documents IS DISTINCT FROM stored.documents
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
  SELECT sae, feature, token_id, SUM(active_tokens) AS times, SUM(sum_activation) AS total
  FROM feature_token
  GROUP BY sae, feature, token_id
),
ranked AS (
  SELECT
    sae,
    feature,
    COUNT(*) AS stored,
    COUNT(DISTINCT rank) AS ranks,
    MAX(rank) AS last,
    MIN(active_tokens) AS least
  FROM feature_top_token
  GROUP BY sae, feature
)
SELECT
  (
    SELECT COUNT(*)
    FROM feature_top_token AS stored
    LEFT JOIN counted USING (sae, feature, token_id)
    LEFT JOIN feature_top_token AS following
      ON following.sae = stored.sae AND following.feature = stored.feature AND following.rank = stored.rank + 1
    WHERE times IS DISTINCT FROM stored.active_tokens
      OR ABS(total - stored.sum_activation) > 1e-9 * total
      OR following.active_tokens > stored.active_tokens
      OR (following.active_tokens = stored.active_tokens AND following.sum_activation > stored.sum_activation)
  )
  + (
    SELECT COUNT(*)
    FROM (
      SELECT sae, feature, COUNT(*) AS tokens, COUNT(*) FILTER (times > least) AS oftener
      FROM counted
      LEFT JOIN ranked USING (sae, feature)
      GROUP BY sae, feature
    )
    FULL JOIN (
      SELECT sae, feature, COUNT(*) FILTER (active_tokens > least) AS above
      FROM feature_top_token
      JOIN ranked USING (sae, feature)
      GROUP BY sae, feature
    ) USING (sae, feature)
    LEFT JOIN ranked USING (sae, feature)
    WHERE stored IS DISTINCT FROM LEAST(tokens, 10)
      OR ranks <> stored
      OR last <> stored
      OR oftener > above
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

-- every feature has its neighbours and its opposites once each, the nearest and the most opposite first
WITH ranked AS (
  SELECT false AS opposite, sae, feature, rank, other_feature, cosine
  FROM feature_neighbour
  UNION ALL
  SELECT true AS opposite, sae, feature, rank, other_feature, -cosine AS cosine
  FROM feature_opposite
)
SELECT
  (
    SELECT COUNT(*)
    FROM ranked AS n
    LEFT JOIN feature AS other ON other.sae = n.sae AND other.feature = n.other_feature
    WHERE other.feature IS NULL
      OR n.other_feature = n.feature
      OR NOT (n.cosine BETWEEN -1 AND 1)
  )
  + (
    SELECT COUNT(*)
    FROM (
      SELECT opposite, sae, feature
      FROM ranked
      GROUP BY ALL
      HAVING COUNT(*) <> MAX(rank)
        OR COUNT(DISTINCT rank) <> MAX(rank)
        OR COUNT(DISTINCT other_feature) <> COUNT(*)
    )
  )
  + (
    SELECT COUNT(*)
    FROM ranked AS n
    JOIN ranked AS following
      ON following.opposite = n.opposite
      AND following.sae = n.sae
      AND following.feature = n.feature
      AND following.rank = n.rank + 1
    WHERE following.cosine > n.cosine
  );

-- every label says something, once a source, and names what it was made from
SELECT
  (
    SELECT COUNT(*)
    FROM feature_label
    WHERE TRIM(label) = ''
      OR json_type(words) <> 'ARRAY'
      OR (source = 'atlas') <> (contexts IS NOT NULL)
      OR NOT COALESCE(contexts > 0, true)
      OR (prompt IS NULL) <> (answer IS NULL)
  )
  + (
    SELECT COUNT(*)
    FROM (
      SELECT sae, feature, label, method, model, source_sha256
      FROM feature_label
      GROUP BY ALL
      HAVING COUNT(*) > 1
    )
  );

-- every score of a label can be, and says why where there is none
SELECT COUNT(*)
FROM label_score
WHERE (auroc IS NULL) <> (reason IS NOT NULL)
  OR (auroc IS NULL) <> (balanced_accuracy IS NULL)
  OR LEAST(firing, silent, firing_groups, silent_groups) < 0
  OR firing_groups > firing
  OR silent_groups > silent
  OR (auroc IS NOT NULL AND LEAST(firing_groups, silent_groups) < 5)
  OR NOT COALESCE(auroc BETWEEN 0 AND 1 AND auroc_low <= auroc_high, reason IS NOT NULL)
  OR NOT COALESCE(recall BETWEEN 0 AND 1 AND false_alarms BETWEEN 0 AND 1, reason IS NOT NULL)
  OR NOT COALESCE(ABS(balanced_accuracy - (recall + 1 - false_alarms) / 2) <= 1e-9, reason IS NOT NULL)
  OR NOT COALESCE(balanced_accuracy_low <= balanced_accuracy_high, reason IS NOT NULL)
  OR NOT COALESCE(beaten BETWEEN 0 AND wrong_labels, wrong_labels IS NULL)
  OR wrong_best < wrong_mean - 1e-9
  OR (wrong_best < auroc - 1e-9 AND beaten <> wrong_labels);

-- every number of a document has a name
SELECT COUNT(*)
FROM document_field
WHERE TRIM(name) = '';

-- every association has the features and documents it says, or is marked to be computed again
WITH held AS (
  SELECT
    association,
    sae,
    COUNT(*) AS documents,
    COUNT(value) AS numbers,
    COUNT(class) AS classed
  FROM association_document
  GROUP BY ALL
),
tested AS (
  SELECT association, sae, COUNT(q) AS features, MAX(fires) AS most
  FROM (
    SELECT association, sae, q, fires FROM feature_target
    UNION ALL
    SELECT association, sae, q, fires FROM feature_classes
  )
  GROUP BY ALL
)
SELECT COUNT(*)
FROM sae_association
JOIN association USING (association)
LEFT JOIN held USING (association, sae)
LEFT JOIN tested USING (association, sae)
WHERE documents_hash <> ''
  AND (
    held.documents IS DISTINCT FROM documents_compared
    OR numbers <> CASE kind WHEN 'target' THEN documents_compared ELSE 0 END
    OR classed <> CASE kind WHEN 'classes' THEN documents_compared ELSE 0 END
    OR COALESCE(features, 0) <> features_tested
    OR COALESCE(most, 0) > documents_compared
  );

-- what an association compares is what its documents bear, and those of one group are in one half
SELECT
  (
    SELECT COUNT(*)
    FROM association_document
    JOIN association USING (association)
    JOIN sae_association USING (association, sae)
    LEFT JOIN document_field ON document_field.document = association_document.document
      AND document_field.name = association.field
    WHERE documents_hash <> ''
      AND (
        association_document.value IS DISTINCT FROM document_field.value
        OR class NOT BETWEEN 0 AND len(CAST(sets AS VARCHAR[])) - 1
      )
  )
  + (
    SELECT COUNT(*)
    FROM (
      SELECT association, sae, group_name
      FROM association_document
      JOIN document USING (document)
      JOIN sae_association USING (association, sae)
      WHERE documents_hash <> ''
        AND group_name IS NOT NULL
      GROUP BY ALL
      HAVING COUNT(DISTINCT split) > 1
    )
  );

-- every figure of an association can be, and its name is no contrast's
SELECT
  (SELECT COUNT(*) FROM association JOIN contrast USING (name))
  + (
    SELECT COUNT(*)
    FROM feature_target
    WHERE ABS(rho) > 1
      OR p NOT BETWEEN 0 AND 1
      OR q < p * (1 - 1e-9)
      OR family_p < p * (1 - 1e-9)
      OR rho_low > rho_high
      OR (confirmed IS NULL) <> (rho_discovery IS NULL OR rho_low IS NULL)
  )
  + (
    SELECT COUNT(*)
    FROM feature_classes
    LEFT JOIN feature_class USING (association, sae, feature)
    WHERE epsilon_squared NOT BETWEEN 0 AND 1 + 1e-9
      OR p NOT BETWEEN 0 AND 1
      OR q < p * (1 - 1e-9)
      OR family_p < p * (1 - 1e-9)
      OR feature_classes.auroc_low > feature_classes.auroc_high
      OR feature_class.auroc NOT BETWEEN 0 AND 1
      OR (q IS NOT NULL AND feature_class.class IS NULL)
      OR (
        feature_class.class = best_class
        AND feature_classes.auroc_discovery IS DISTINCT FROM feature_class.auroc_discovery
      )
  );

-- every dose of a steered prompt stands beside its random features, and ranks among them
SELECT
  (
    SELECT COUNT(*)
    FROM steering_effect AS e
    JOIN steering AS s USING (steering)
    WHERE e.sae <> s.sae
      OR (random = 0) <> (e.feature = s.feature)
      OR NOT (random BETWEEN 0 AND random_features)
      OR kl < 0
      OR (random = 0 AND random_features > 0) <> (kl_rank IS NOT NULL)
      OR (e.words IS NULL) <> (random > 0)
      OR (e.words_probability IS NULL) <> (s.words_probability IS NULL)
      OR (words_rank IS NULL) <> (kl_rank IS NULL OR s.words_probability IS NULL)
      OR NOT COALESCE(e.words_probability BETWEEN 0 AND 1 + 1e-9, true)
      OR (kind = 'add' AND dose = 0 AND kl > 1e-6)
      OR (kind = 'remove' AND dose <> 0)
  )
  + (
    SELECT COUNT(*)
    FROM (
      SELECT steering, dose
      FROM (
        SELECT
          steering,
          dose,
          random,
          random_features,
          kl_rank,
          kl >= MAX(IF(random = 0, kl, 0)) OVER (PARTITION BY steering, dose) AS as_large
        FROM steering_effect
        JOIN steering USING (steering)
      )
      GROUP BY ALL
      HAVING COUNT(*) <> MAX(random_features) + 1
        OR MAX(kl_rank) <> 1 + COUNT(*) FILTER (WHERE random > 0 AND as_large)
    )
  )
  + (
    SELECT COUNT(*)
    FROM steering
    WHERE steering NOT IN (SELECT steering FROM steering_effect)
      OR NOT (unit > 0)
      OR (json_array_length(words) = 0) <> (words_probability IS NULL)
  );

-- every rise of the loss without a feature is what its documents give, and what is silent gains nothing
SELECT
  (
    SELECT COUNT(*)
    FROM ablation_document
    WHERE active_tokens = 0
      AND nats <> nats_without
  )
  + (
    SELECT COUNT(*)
    FROM ablation_effect AS e
    LEFT JOIN (
      SELECT
        ablation,
        side,
        COUNT(*) AS documents,
        SUM(tokens) AS tokens,
        SUM(active_tokens) AS active_tokens,
        SUM(nats) AS nats,
        SUM(nats_without) AS nats_without
      FROM ablation_document
      GROUP BY ALL
    ) AS held USING (ablation, side)
    WHERE e.documents IS DISTINCT FROM held.documents
      OR e.tokens IS DISTINCT FROM held.tokens
      OR NOT COALESCE(ABS(loss * e.tokens - nats) <= 1e-6 * nats, false)
      OR (random = 0 AND e.active_tokens <> held.active_tokens)
      OR (random = 0 AND ABS(loss_without * e.tokens - nats_without) > 1e-6 * nats_without)
      OR ABS(rise - (loss_without - loss)) > 1e-9
      OR groups > e.documents
      OR (rise_low IS NULL) <> (groups < 5)
      OR rise_low > rise_high
  )
  + (
    SELECT COUNT(*)
    FROM (
      SELECT
        a.ablation,
        ANY_VALUE(random_features) AS random_features,
        ANY_VALUE(difference) AS difference,
        ANY_VALUE(difference_rank) AS difference_rank,
        COUNT(*) AS effects,
        COUNT(DISTINCT random) AS numbers,
        SUM(IF(side = 'positive', rise, -rise)) FILTER (WHERE random = 0) AS own
      FROM ablation AS a
      LEFT JOIN ablation_effect USING (ablation)
      GROUP BY a.ablation
    )
    WHERE effects <> 2 * (random_features + 1)
      OR numbers <> random_features + 1
      OR NOT COALESCE(ABS(difference - own) <= 1e-9, false)
      OR (difference_rank IS NULL) <> (random_features = 0)
      OR NOT COALESCE(difference_rank BETWEEN 1 AND random_features + 1, true)
  );

-- every feature has its company once each, the largest overlap first, counted on tokens
SELECT
  (
    SELECT COUNT(*)
    FROM feature_coactivation AS n
    LEFT JOIN feature AS other ON other.sae = n.sae AND other.feature = n.other_feature
    LEFT JOIN sae_coactivation AS counted ON counted.sae = n.sae
    WHERE other.feature IS NULL
      OR n.other_feature = n.feature
      OR NOT COALESCE(n.tokens_both BETWEEN 2 AND counted.tokens, false)
      OR NOT (n.jaccard > 0 AND n.jaccard <= 1 AND n.lift > 0)
  )
  + (
    SELECT COUNT(*)
    FROM (
      SELECT sae, feature
      FROM feature_coactivation
      GROUP BY ALL
      HAVING COUNT(*) <> MAX(rank)
        OR COUNT(DISTINCT rank) <> MAX(rank)
        OR COUNT(DISTINCT other_feature) <> COUNT(*)
    )
  )
  + (
    SELECT COUNT(*)
    FROM feature_coactivation AS n
    JOIN feature_coactivation AS following
      ON following.sae = n.sae
      AND following.feature = n.feature
      AND following.rank = n.rank + 1
    WHERE following.jaccard > n.jaccard
  );

-- every clustering says how it was chosen, how stable it is, and how far its map can be trusted
SELECT COUNT(*)
FROM clustering AS c
LEFT JOIN (
  SELECT
    clustering,
    ARG_MIN(clusters, (-silhouette, clusters)) AS best
  FROM clustering_choice
  GROUP BY clustering
) AS tried USING (clustering)
LEFT JOIN (
  SELECT clustering, COUNT(*) AS features
  FROM feature_cluster
  GROUP BY clustering
) AS held USING (clustering)
LEFT JOIN (
  SELECT clustering, COUNT(*) AS clusters, MAX(cluster) AS last
  FROM cluster
  GROUP BY clustering
) AS made USING (clustering)
WHERE held.features IS DISTINCT FROM c.features
  OR made.clusters IS DISTINCT FROM c.clusters
  OR made.last IS DISTINCT FROM c.clusters - 1
  OR (c.criterion = 'silhouette') <> (tried.best IS NOT NULL)
  OR tried.best <> c.clusters
  OR NOT (c.silhouette BETWEEN -1 AND 1 AND c.silhouette_shuffled BETWEEN -1 AND 1)
  OR NOT (c.rand_least <= c.rand_mean + 1e-9 AND c.rand_mean <= 1 + 1e-9)
  OR c.seeds < 1
  OR (c.map_method IS NULL) <> (c.map_parameters IS NULL)
  OR (c.map_method IS NULL) <> (c.trustworthiness IS NULL)
  OR (c.map_method IS NULL) <> (c.trustworthiness_neighbours IS NULL)
  OR NOT COALESCE(c.trustworthiness BETWEEN 0 AND 1, c.map_method IS NULL);

-- every cluster holds the features it says, and each has a place where there is a map
SELECT
  (
    SELECT COUNT(*)
    FROM cluster
    FULL JOIN (
      SELECT
        clustering,
        cluster,
        COUNT(*) AS held,
        AVG(silhouette) AS silhouette
      FROM feature_cluster
      GROUP BY ALL
    ) AS member USING (clustering, cluster)
    WHERE cluster.features IS DISTINCT FROM member.held
      OR NOT (cluster.stability >= 0 AND cluster.stability <= 1 + 1e-9)
      OR NOT (cluster.silhouette BETWEEN -1 AND 1)
  )
  + (
    SELECT COUNT(*)
    FROM feature_cluster AS f
    LEFT JOIN clustering AS c USING (clustering)
    WHERE f.sae IS DISTINCT FROM c.sae
      OR NOT (f.silhouette BETWEEN -1.00001 AND 1.00001)
      OR (f.x IS NULL) <> (c.map_method IS NULL)
      OR (f.y IS NULL) <> (c.map_method IS NULL)
      OR f.x * f.x + f.y * f.y > 1.0001
  )
  + (
    SELECT COUNT(*)
    FROM cluster AS k
    JOIN clustering AS c USING (clustering)
    WHERE (k.x IS NULL) <> (c.map_method IS NULL)
      OR (k.y IS NULL) <> (c.map_method IS NULL)
  );

-- every name of a cluster is a token, the most particular first
SELECT
  (
    SELECT COUNT(*)
    FROM cluster_token AS t
    LEFT JOIN cluster USING (clustering, cluster)
    LEFT JOIN clustering USING (clustering)
    LEFT JOIN sae USING (sae)
    LEFT JOIN vocabulary AS v ON v.tokenization = sae.tokenization AND v.token_id = t.token_id
    WHERE cluster.features IS NULL
      OR v.text IS NULL
      OR NOT (t.share > 0 AND t.share <= 1 + 1e-9 AND t.weight > 0)
  )
  + (
    SELECT COUNT(*)
    FROM (
      SELECT clustering, cluster
      FROM cluster_token
      GROUP BY ALL
      HAVING COUNT(*) <> MAX(rank)
        OR COUNT(DISTINCT token_id) <> COUNT(*)
        OR LIST(weight ORDER BY rank) <> LIST(weight ORDER BY weight DESC, rank)
    )
  );

-- every cluster that a contrast speaks of is of its SAE, and no more features are called than tested
SELECT COUNT(*)
FROM cluster_contrast AS n
LEFT JOIN cluster AS k USING (clustering, cluster)
LEFT JOIN clustering AS c USING (clustering)
WHERE c.sae IS DISTINCT FROM n.sae
  OR NOT COALESCE(n.called BETWEEN 0 AND n.tested AND n.tested <= k.features, false)
  OR NOT (n.auroc BETWEEN 0 AND 1 AND n.p BETWEEN 0 AND 1)
  OR NOT COALESCE(n.q BETWEEN n.p - 1e-12 AND 1, true);

-- every match is in another SAE of the same model, each once, the most alike first
SELECT
  (
    SELECT COUNT(*)
    FROM feature_match AS m
    LEFT JOIN sae_match AS compared USING (sae, other_sae)
    LEFT JOIN sae AS own ON own.sae = m.sae
    LEFT JOIN sae AS there ON there.sae = m.other_sae
    LEFT JOIN feature AS other ON other.sae = m.other_sae AND other.feature = m.other_feature
    WHERE compared.tokens IS NULL
      OR other.feature IS NULL
      OR m.sae = m.other_sae
      OR own.model IS DISTINCT FROM there.model
      OR CASE m.measure WHEN 'cosine' THEN m.cosine ELSE m.correlation END IS NULL
      OR NOT COALESCE(m.cosine BETWEEN -1 AND 1, true)
      OR NOT COALESCE(m.correlation BETWEEN -1 AND 1, true)
  )
  + (
    SELECT COUNT(*)
    FROM (
      SELECT sae, feature, other_sae, measure
      FROM feature_match
      GROUP BY ALL
      HAVING COUNT(*) <> MAX(rank)
        OR COUNT(DISTINCT rank) <> MAX(rank)
        OR COUNT(DISTINCT other_feature) <> COUNT(*)
    )
  )
  + (
    SELECT COUNT(*)
    FROM feature_match AS m
    JOIN feature_match AS following
      ON following.sae = m.sae
      AND following.feature = m.feature
      AND following.other_sae = m.other_sae
      AND following.measure = m.measure
      AND following.rank = m.rank + 1
    WHERE following.cosine > m.cosine AND m.measure = 'cosine'
      OR following.correlation > m.correlation AND m.measure = 'correlation'
  )
  + (
    SELECT COUNT(*)
    FROM sae_match AS m
    LEFT JOIN sae_match AS back ON back.sae = m.other_sae AND back.other_sae = m.sae
    WHERE back.tokens IS DISTINCT FROM m.tokens
  );

-- a match is mutual where each is the other's best, and counts those that share it
SELECT COUNT(*)
FROM (
  SELECT
    m.mutual,
    m.siblings,
    m.rank = 1 AND back.feature IS NOT NULL AS each,
    m.rank = 1
      AND CASE m.measure
        WHEN 'cosine' THEN m.cosine >= c.least_cosine
        ELSE m.correlation >= c.least_correlation
      END AS alike,
    COUNT(*) FILTER (alike) OVER (PARTITION BY m.sae, m.other_sae, m.measure, m.other_feature) AS sharing
  FROM feature_match AS m
  JOIN sae_match AS c USING (sae, other_sae)
  LEFT JOIN feature_match AS back
    ON back.sae = m.other_sae
    AND back.other_sae = m.sae
    AND back.measure = m.measure
    AND back.feature = m.other_feature
    AND back.other_feature = m.feature
    AND back.rank = 1
)
WHERE mutual <> each
  OR siblings <> CASE WHEN alike THEN sharing ELSE 0 END;

-- every effect of a patch is what its values give, and NULL where the prompts are hardly apart
SELECT COUNT(*)
FROM patch_effect AS e
JOIN patch_pair AS p USING (patch_pair)
WHERE (denoised_effect IS NULL) <> (ABS(clean_value - corrupted_value) < least_difference)
  OR (noised_effect IS NULL) <> (denoised_effect IS NULL)
  OR ABS(denoised_effect - (denoised - corrupted_value) / (clean_value - corrupted_value))
    > 1e-5 * (1 + ABS(denoised_effect))
  OR ABS(noised_effect - (noised - corrupted_value) / (clean_value - corrupted_value))
    > 1e-5 * (1 + ABS(noised_effect));

-- the whole residual stream of one prompt in the place of the other's gives the one's value
SELECT COUNT(*)
FROM patch_pair AS p
LEFT JOIN patch_effect AS e
  ON e.patch_pair = p.patch_pair
  AND e.kind = 'resid_pre'
  AND e.position IS NULL
WHERE e.site IS NULL
  OR ABS(denoised - clean_value) > 1e-4 * GREATEST(ABS(clean_value), ABS(corrupted_value), 100 * least_difference)
  OR ABS(noised - corrupted_value) > 1e-4 * GREATEST(ABS(clean_value), ABS(corrupted_value), 100 * least_difference);

-- every site of a patch is numbered once, and says where it is
SELECT
  (
    SELECT COUNT(*)
    FROM patch_effect AS e
    JOIN patch_pair AS p USING (patch_pair)
    JOIN model USING (model)
    WHERE (kind = 'z') <> (head IS NOT NULL)
      OR (kind = 'feature') <> (e.feature IS NOT NULL)
      OR (e.sae IS NULL) <> (e.feature IS NULL)
      OR NOT (layer BETWEEN 0 AND n_layers - 1)
      OR NOT COALESCE(head BETWEEN 0 AND n_heads - 1, true)
      OR NOT COALESCE(e.position BETWEEN first_position AND p.position, true)
  )
  + (
    SELECT COUNT(*)
    FROM (
      SELECT patch_pair
      FROM patch_effect
      GROUP BY patch_pair
      HAVING COUNT(*) <> MAX(site) + 1
        OR MIN(site) <> 0
        OR COUNT(DISTINCT site) <> COUNT(*)
    )
  );

-- every pair of prompts has as many tokens on both sides as the position that is read needs
SELECT COUNT(*)
FROM patch_pair
WHERE json_array_length(clean_tokens) <> position + 1 - first_position
  OR json_array_length(corrupted_tokens) <> position + 1 - first_position
  OR first_position NOT IN (0, 1)
  OR NOT (least_difference > 0)
  OR (metric = 'pre_activation') <> (sae IS NOT NULL)
  OR (sae IS NULL) <> (feature IS NULL)
  OR (metric <> 'pre_activation') <> (target_id IS NOT NULL)
  OR (metric = 'logit_difference') <> (against_id IS NOT NULL)
  OR NOT COALESCE(denoised_agreement BETWEEN -1.000001 AND 1.000001, true)
  OR NOT COALESCE(noised_agreement BETWEEN -1.000001 AND 1.000001, true);

-- what a feature reads is the sum of what every part of the model writes
SELECT COUNT(*)
FROM direct_attribution AS d
LEFT JOIN (
  SELECT
    direct_attribution,
    SUM(value) AS total,
    MAX(ABS(value)) AS largest,
    COUNT(*) AS parts,
    MAX(part) AS last,
    COUNT(*) FILTER (kind = 'encoder_bias') AS biases,
    COUNT(*) FILTER ((kind = 'head') <> (head IS NOT NULL AND source IS NOT NULL)) AS wrong
  FROM direct_part
  GROUP BY ALL
) AS held USING (direct_attribution)
WHERE NOT COALESCE(ABS(pre_activation - total - residual) <= 1e-9 * (1 + largest), false)
  OR ABS(residual) > 1e-4 * GREATEST(largest, 1)
  OR parts <> last + 1
  OR biases <> 1
  OR wrong > 0
  OR json_array_length(tokens) <> position + 1 - first_position;

-- every pair of positions that matters is one that a head can look at, and at most 256 are kept
SELECT
  (
    SELECT COUNT(*)
    FROM attention_pair
    JOIN direct_attribution USING (direct_attribution)
    WHERE source > query
      OR query > position
      OR source < 0
      OR NOT (weight BETWEEN 0 AND 1.00001)
  )
  + (
    SELECT COUNT(*)
    FROM (
      SELECT direct_attribution
      FROM attention_pair
      GROUP BY ALL
      HAVING COUNT(*) > 256
    )
  );

-- what a head looks at is a share, once for every head of the model
SELECT
  (
    SELECT COUNT(*)
    FROM attention_summary
    WHERE NOT COALESCE(LEAST(bos, previous, same, induction, term) >= 0, true)
      OR NOT COALESCE(GREATEST(bos, previous, same, induction, term) <= 1.0001, true)
      OR NOT (entropy >= -1e-6)
      OR entropy IS NULL
  )
  + (
    SELECT COUNT(*)
    FROM (
      SELECT model, tokenization, document
      FROM attention_summary
      JOIN model USING (model)
      GROUP BY model, tokenization, document, n_layers, n_heads
      HAVING COUNT(*) <> n_layers * n_heads
        OR COUNT(DISTINCT layer * n_heads + head) <> n_layers * n_heads
    )
  );

-- what a head looks at in a corpus is the mean over its documents
SELECT COUNT(*)
FROM attention_head AS h
LEFT JOIN (
  SELECT
    model,
    tokenization,
    corpus,
    layer,
    head,
    COUNT(*) AS documents,
    AVG(bos) AS bos,
    AVG(previous) AS previous,
    AVG(same) AS same,
    AVG(induction) AS induction,
    AVG(s.term) AS term,
    AVG(entropy) AS entropy
  FROM attention_summary AS s
  JOIN document USING (document)
  GROUP BY ALL
) AS held USING (model, tokenization, corpus, layer, head)
WHERE held.documents IS DISTINCT FROM h.documents
  OR ABS(COALESCE(h.bos, -1) - COALESCE(held.bos, -1)) > 1e-6
  OR ABS(COALESCE(h.previous, -1) - COALESCE(held.previous, -1)) > 1e-6
  OR ABS(COALESCE(h.same, -1) - COALESCE(held.same, -1)) > 1e-6
  OR ABS(COALESCE(h.induction, -1) - COALESCE(held.induction, -1)) > 1e-6
  OR ABS(COALESCE(h.term, -1) - COALESCE(held.term, -1)) > 1e-6
  OR ABS(COALESCE(h.entropy, -1) - COALESCE(held.entropy, -1)) > 1e-6;

-- every head that is compared belongs to a contrast, and its chances can be
SELECT
  (SELECT COUNT(*) FROM attention_contrast ANTI JOIN sae_contrast USING (contrast, sae))
  + (
    SELECT COUNT(*)
    FROM attention_contrast
    WHERE NOT (p BETWEEN 0 AND 1)
      OR NOT (q BETWEEN 0 AND 1)
      OR q < p - 1e-12
      OR NOT (auroc BETWEEN 0 AND 1)
      OR documents_positive < 5
      OR documents_control < 5
      OR NOT (COALESCE(auroc_length, 0) BETWEEN 0 AND 1)
      OR NOT (COALESCE(p_length, 0) BETWEEN 0 AND 1)
      OR (auroc_length IS NULL) <> (p_length IS NULL)
  );

-- every graph has the nodes it says, and leads to one feature, or to ten tokens at most
SELECT
  (
    SELECT COUNT(*)
    FROM graph AS g
    LEFT JOIN (
      SELECT
        n.graph,
        COUNT(*) AS nodes,
        COUNT(DISTINCT node) AS numbers,
        MAX(node) AS last,
        COUNT(*) FILTER (kind = 'logit') AS logits,
        COUNT(*) FILTER (effect IS NULL) AS targets,
        COUNT(*) FILTER (
          effect IS NULL
            AND kind = 'feature'
            AND n.sae = g.sae
            AND n.feature = g.feature
            AND n.position = g.position
        ) AS asked
      FROM graph_node AS n
      JOIN graph AS g USING (graph)
      GROUP BY n.graph
    ) AS held USING (graph)
    WHERE held.nodes IS DISTINCT FROM g.nodes
      OR numbers <> g.nodes
      OR last <> g.nodes - 1
      OR (g.sae IS NULL) <> (g.feature IS NULL)
      OR CASE WHEN g.sae IS NULL
        THEN targets <> logits OR NOT (logits BETWEEN 1 AND 10)
        ELSE targets <> 1 OR asked <> 1 OR logits > 0
      END
      OR json_array_length(tokens) <> position + 1 - first_position
      OR first_position NOT IN (0, 1)
  )
  + (
    SELECT COUNT(*)
    FROM graph_node AS n
    JOIN graph AS g USING (graph)
    WHERE (kind = 'feature') <> (n.feature IS NOT NULL)
      OR (kind = 'feature') <> (activation IS NOT NULL)
      OR (kind IN ('feature', 'error')) <> (n.sae IS NOT NULL)
      OR (kind IN ('token', 'logit')) <> (token_id IS NOT NULL)
      OR (kind IN ('token', 'logit')) <> (token IS NOT NULL)
      OR (kind = 'logit') <> (probability IS NOT NULL)
      OR NOT COALESCE(probability BETWEEN 0 AND 1.000001, true)
      OR (kind = 'token') <> (level = 0)
      OR NOT (n.position BETWEEN first_position AND g.position)
  );

-- every edge of a graph joins a kept node to one of the next level that is not before it
SELECT
  (
    SELECT COUNT(*)
    FROM graph_edge AS e
    LEFT JOIN graph_node AS one ON one.graph = e.graph AND one.node = e.source
    LEFT JOIN graph_node AS other ON other.graph = e.graph AND other.node = e.target
    WHERE NOT COALESCE(one.kept AND other.kept, false)
      OR other.level <> one.level + 1
      OR one.position > other.position
      OR other.kind NOT IN ('feature', 'logit')
      OR weight = 0
  )
  + (
    SELECT COUNT(*)
    FROM graph AS g
    JOIN (
      SELECT graph, COUNT(*) AS edges
      FROM graph_edge
      GROUP BY graph
    ) AS held USING (graph)
    WHERE held.edges > g.edges
  );

-- what is kept of a graph leads somewhere, and is among the nodes of most influence
SELECT
  (
    SELECT COUNT(*)
    FROM graph_node AS n
    ANTI JOIN graph_edge AS e ON e.graph = n.graph AND e.source = n.node
    WHERE kept
      AND kind IN ('feature', 'error')
      AND effect IS NOT NULL
  )
  + (
    SELECT COUNT(*)
    FROM graph_node AS n
    ANTI JOIN graph_edge AS e ON e.graph = n.graph AND e.target = n.node
    WHERE kept
      AND kind = 'feature'
      AND effect IS NOT NULL
  )
  + (
    SELECT COUNT(*)
    FROM (
      SELECT
        graph,
        kind,
        effect,
        kept,
        influence,
        cumulative,
        MIN(cumulative) OVER (PARTITION BY graph, influence)
          - influence / NULLIF(SUM(influence) OVER (PARTITION BY graph), 0) AS before
      FROM graph_node
    )
    JOIN graph USING (graph)
    WHERE influence < 0
      OR NOT (cumulative BETWEEN 0 AND 1.000001)
      OR (kept AND kind IN ('feature', 'error') AND effect IS NOT NULL AND before > node_threshold + 1e-6)
      OR (NOT kept AND (kind IN ('token', 'logit') OR effect IS NULL))
  );

-- every share that what is kept of a graph brings is what its values give
SELECT COUNT(*)
FROM graph
WHERE (faithfulness IS NULL) <> (ABS(clean_value - empty_value) < least_difference)
  OR (completeness IS NULL) <> (faithfulness IS NULL)
  OR ABS(faithfulness - (circuit_value - empty_value) / (clean_value - empty_value)) > 1e-9 * (1 + ABS(faithfulness))
  OR ABS(completeness - (rest_value - empty_value) / (clean_value - empty_value)) > 1e-9 * (1 + ABS(completeness))
  OR NOT (least_difference > 0)
  OR (agreement IS NOT NULL AND method = 'ablation')
  OR NOT COALESCE(agreement BETWEEN -1.000001 AND 1.000001, true)
  OR NOT (node_threshold > 0 AND node_threshold <= 1)
  OR NOT (edge_threshold > 0 AND edge_threshold <= 1)
  OR left_out < 0;

-- an SAE has no weights where it was imported, and nowhere else, and its features are those of its export
SELECT
  (
    SELECT COUNT(*)
    FROM sae
    LEFT JOIN sae_import USING (sae)
    WHERE (weights_sha256 IS NULL) <> (sae_import.sae IS NOT NULL)
      OR (logit_weights = 'imported') <> (sae_import.sae IS NOT NULL)
  )
  + (
    SELECT COUNT(*)
    FROM feature_import
    FULL JOIN (FROM feature JOIN sae_import USING (sae)) AS held USING (sae, feature)
    WHERE held.format IS NULL
      OR feature_import.said IS NULL
  );

-- every window that an export shows is one that its SAE knows, and its activations stand in no other
SELECT
  (
    SELECT COUNT(*)
    FROM shown_window AS shown
    LEFT JOIN context USING (context)
    LEFT JOIN coverage ON coverage.sae = shown.sae AND coverage.document = context.document
    WHERE coverage.document IS NULL
      OR NOT COALESCE(peak BETWEEN -1 AND context.tokens - 1, true)
  )
  + (
    SELECT COUNT(*)
    FROM activation
    JOIN sae_import USING (sae)
    ANTI JOIN shown_window USING (sae, feature, context)
    WHERE sae_import.format <> 'delphi'
  );

-- every figure of a reproduction belongs to one, and every reproduction to a contrast
SELECT
  (SELECT COUNT(*) FROM reproduction_feature ANTI JOIN reproduction USING (contrast, sae))
  + (SELECT COUNT(*) FROM reproduction_fault ANTI JOIN reproduction USING (contrast, sae))
  + (SELECT COUNT(*) FROM reproduction ANTI JOIN sae_contrast USING (contrast, sae));

-- the lists of a reproduction are numbered from 1, and agree as it says
SELECT
  (SELECT COUNT(*) FROM reproduction_feature WHERE printed_number <> feature + 1)
  + (
    SELECT COUNT(*)
    FROM reproduction
    LEFT JOIN (
      SELECT
        contrast,
        sae,
        COUNT(place) AS places,
        COUNT(DISTINCT place) AS apart,
        MAX(place) AS last,
        COUNT(*) FILTER (place IS NOT NULL AND printed_place IS NOT NULL) AS shared,
        COUNT(*) FILTER (place = printed_place) AS in_place
      FROM reproduction_feature
      GROUP BY ALL
    ) AS held USING (contrast, sae)
    WHERE held.places <> COALESCE(held.last, 0)
      OR held.apart <> held.places
      OR (printed_rows IS NOT NULL AND (printed_shared <> held.shared OR printed_in_place <> held.in_place))
  );

-- the study's moments are there of every feature of an SAE
SELECT COUNT(*)
FROM (
  SELECT sae, COUNT(*) AS features
  FROM study_moment
  GROUP BY ALL
)
LEFT JOIN sae USING (sae)
WHERE features IS DISTINCT FROM d_sae;
