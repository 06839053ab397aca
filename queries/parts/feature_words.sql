-- Every feature with the five tokens that its firing raises most, and the five that it lowers most.
SELECT
    feature.*,
    (top_logits ->> '$[0][0]')
        || COALESCE(' | ' || (top_logits ->> '$[1][0]'), '')
        || COALESCE(' | ' || (top_logits ->> '$[2][0]'), '')
        || COALESCE(' | ' || (top_logits ->> '$[3][0]'), '')
        || COALESCE(' | ' || (top_logits ->> '$[4][0]'), '') AS raises,
    (bottom_logits ->> '$[0][0]')
        || COALESCE(' | ' || (bottom_logits ->> '$[1][0]'), '')
        || COALESCE(' | ' || (bottom_logits ->> '$[2][0]'), '')
        || COALESCE(' | ' || (bottom_logits ->> '$[3][0]'), '')
        || COALESCE(' | ' || (bottom_logits ->> '$[4][0]'), '') AS lowers
FROM feature
