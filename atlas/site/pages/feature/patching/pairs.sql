SELECT
    patch_pair,
    clean_text,
    corrupted_text,
    clean_tokens,
    corrupted_tokens,
    first_position,
    clean_value,
    corrupted_value,
    denoised_agreement
FROM patch_pair
WHERE sae = :sae
    AND feature = :feature
ORDER BY ABS(clean_value - corrupted_value) DESC, patch_pair
