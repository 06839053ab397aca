INSERT INTO sae_corpus BY NAME
SELECT
  $sae AS sae,
  $corpus AS corpus,
  COUNT(*) AS documents,
  COALESCE(SUM(contexts), 0) AS contexts,
  COALESCE(SUM(tokens), 0) AS tokens,
  (SELECT COUNT(*) FROM fresh) AS activations
FROM unsummed
ON CONFLICT (sae, corpus) DO UPDATE SET
  documents = documents + excluded.documents,
  contexts = contexts + excluded.contexts,
  tokens = tokens + excluded.tokens,
  activations = activations + excluded.activations;
