SELECT
    direct_attribution,
    text,
    tokens,
    first_position,
    position,
    pre_activation,
    residual
FROM direct_attribution
WHERE sae = :sae
    AND feature = :feature
ORDER BY pre_activation DESC, direct_attribution
