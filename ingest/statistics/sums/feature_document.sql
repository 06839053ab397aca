-- Documents come whole, and in the order of document and feature.
INSERT INTO feature_document BY NAME
SELECT $sae AS sae, feature, document, max_activation, sum_activation, active_tokens, window_max
FROM documents;
