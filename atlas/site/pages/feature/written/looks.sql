SELECT
    layer,
    head,
    query,
    source,
    weight,
    value
FROM attention_pair
WHERE direct_attribution = :direct_attribution
ORDER BY ABS(value) DESC, layer, head, query, source
LIMIT :limit
