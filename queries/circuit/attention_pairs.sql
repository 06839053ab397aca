-- title: Which look of which head matters to a feature
-- description: Attention weight times the gradient of the feature's pre-activation by it, for one prompt: the pairs of positions whose weight matters most, or one pair by every head.
-- database: atlas
-- param direct_attribution: INTEGER = 0  -- number of the direct attribution
-- param query: INTEGER = -1  -- position that looks, BOS being 0; -1: every one
-- param source: INTEGER = -1  -- position that is looked at; -1: every one
-- param limit: INTEGER = 40  -- most rows shown
SELECT
    a.layer,
    a.head,
    a.query,
    a.source,
    a.weight,
    a.value
FROM attention_pair AS a
WHERE a.direct_attribution = :direct_attribution
    AND :query IN (-1, a.query)
    AND :source IN (-1, a.source)
ORDER BY ABS(a.value) DESC, a.layer, a.head, a.query, a.source
LIMIT :limit
