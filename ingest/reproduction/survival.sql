-- How many of the features in `printed` each correction leaves, and what one half prints and the other confirms.
WITH judged AS (
  SELECT
    f.*,
    f.q <= $p AND f.auroc > 0.5 AS at_q,
    f.feature IN (SELECT feature FROM printed) AS in_print,
    m.q <= $p AND m.share_higher > 0.5 AS holds,
    n.auroc_low,
    n.study_kept_discovery,
    ROW_NUMBER() OVER (
      PARTITION BY COALESCE(n.study_kept_discovery, false)
      ORDER BY n.study_positive_discovery - n.study_control_discovery DESC NULLS LAST, f.feature
    ) AS place
  FROM feature_contrast AS f
  LEFT JOIN feature_confirmation AS n USING (contrast, sae, feature)
  LEFT JOIN feature_pair AS m
    ON m.contrast = $matched
    AND m.sae = f.sae
    AND m.feature = f.feature
  WHERE f.contrast = $contrast
    AND f.sae = $sae
)
SELECT
  COUNT(*) FILTER (in_print AND at_q),
  CASE WHEN COUNT(family_p) > 0 THEN COUNT(*) FILTER (in_print AND family_p <= $p AND auroc > 0.5) END,
  COUNT(*) FILTER (in_print AND holds),
  COUNT(*) FILTER (at_q),
  COUNT(*) FILTER (study_kept_discovery AND place <= $limit),
  COUNT(*) FILTER (study_kept_discovery AND place <= $limit AND auroc_low > 0.5)
FROM judged
