-- How concentrated a feature is on documents, over those of the contrast. Units: bits.
SELECT
  feature,
  GREATEST(0, LOG2(SUM(active_tokens)) - SUM(active_tokens * LOG2(active_tokens) ORDER BY document) / SUM(active_tokens))
    AS document_entropy
FROM feature_document
SEMI JOIN chosen USING (document)
WHERE sae = $sae
GROUP BY feature
