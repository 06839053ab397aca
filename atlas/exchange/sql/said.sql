-- What an export said of the features of a range.
SELECT feature, density, max_activation, said
FROM feature_import
WHERE sae = $sae
  AND feature BETWEEN $first AND $last
