-- Another feature `n` of an SAE, whose row is `f`: how near it is, the token that it fires most on, the one it raises most.
n.rank,
n.other_feature,
n.cosine,
(
    -- part: other_token
) AS token,
f.top_logits ->> '$[0][0]' AS raises
