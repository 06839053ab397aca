-- title: One prompt taken apart for a feature
-- description: What each part writes onto the feature at the position that is read, the largest first; heads by the position that they read from, 0 being BOS.
-- database: atlas
-- param direct_attribution: INTEGER = 0  -- number of the direct attribution
-- param limit: INTEGER = 60  -- most rows shown
SELECT
    p.kind,
    p.layer,
    p.head,
    p.source,
    p.value
FROM direct_part AS p
WHERE p.direct_attribution = :direct_attribution
ORDER BY ABS(p.value) DESC, p.part
LIMIT :limit
