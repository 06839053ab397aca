SELECT
    layer,
    position,
    denoised_effect
FROM patch_effect
WHERE patch_pair = :patch_pair
    AND kind = 'resid_pre'
    AND position IS NOT NULL
    AND denoised_effect IS NOT NULL
ORDER BY layer, position
