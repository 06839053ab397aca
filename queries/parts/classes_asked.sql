-- The contrast of classes that was asked for; where none was, the first.
SELECT *
FROM association
WHERE kind = 'classes'
    AND (
        name = :classes
        OR (:classes = '' AND association = (SELECT MIN(association) FROM association WHERE kind = 'classes'))
    )
