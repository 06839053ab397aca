-- The contrast that was asked for; where none was, the first.
SELECT *
FROM contrast
WHERE name = :contrast
    OR (:contrast = '' AND contrast = (SELECT MIN(contrast) FROM contrast))
