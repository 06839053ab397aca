-- How far the words of each label tell where its feature fires, against silent contexts that were drawn blindly.
SELECT
    feature_label,
    firing,
    firing_groups,
    silent_groups,
    auroc,
    auroc_low,
    auroc_high,
    wrong_best,
    balanced_accuracy,
    recall,
    false_alarms,
    reason
FROM label_score
WHERE negatives = 'random'
    AND judge = 'words'
