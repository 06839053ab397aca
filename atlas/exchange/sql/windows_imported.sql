-- The windows that an export showed of the features of a range, as it showed them.
SELECT feature, context, peak AS position, bin_min, bin_max, bin_contains, place
FROM shown_window
WHERE sae = $sae
  AND feature BETWEEN $first AND $last
