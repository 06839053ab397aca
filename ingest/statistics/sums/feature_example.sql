INSERT INTO feature_example BY NAME
SELECT $sae AS sae, 'top' AS sampling, * EXCLUDE (content_hash)
FROM strongest
ORDER BY corpus, feature, rank;

INSERT INTO feature_example BY NAME
SELECT $sae AS sae, 'octave' AS sampling, * EXCLUDE (content_hash)
FROM drawn
ORDER BY corpus, feature, octave, rank;

DROP TABLE strongest;

DROP TABLE drawn;
