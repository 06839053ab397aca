-- What a site carries over patched pairs `p` with its effects `e`: pairs count by how far apart they are.
COUNT(*) AS pairs,
SUM(e.denoised_effect * ABS(p.clean_value - p.corrupted_value))
    / SUM(ABS(p.clean_value - p.corrupted_value)) AS denoised,
1 - SUM(e.noised_effect * ABS(p.clean_value - p.corrupted_value))
    / SUM(ABS(p.clean_value - p.corrupted_value)) AS noised
