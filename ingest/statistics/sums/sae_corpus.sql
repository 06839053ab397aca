INSERT INTO sae_corpus BY NAME
SELECT
  $sae AS sae,
  corpus,
  COUNT(*) AS documents,
  COALESCE(SUM(contexts), 0) AS contexts,
  COALESCE(SUM(tokens), 0) AS tokens,
  COALESCE(ANY_VALUE(active), 0) AS activations
FROM unsummed
LEFT JOIN (
  SELECT corpus, SUM(tokens) AS active
  FROM slice_histogram
  GROUP BY corpus
) USING (corpus)
GROUP BY corpus
ON CONFLICT (sae, corpus) DO UPDATE SET
  documents = documents + excluded.documents,
  contexts = contexts + excluded.contexts,
  tokens = tokens + excluded.tokens,
  activations = activations + excluded.activations;
