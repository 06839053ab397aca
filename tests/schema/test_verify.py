"""Every invariant of an atlas file is seen to be broken when it is."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from atlas.cli.main import cli
from schema import Atlas, AtlasDamagedError, open_atlas
from schema.verify import invariants, verify

ONE_ACTIVATION = "(SELECT * FROM activation ORDER BY ALL LIMIT 1)"

DAMAGES = [
    ("every migration is applied once, in order", "UPDATE migration SET name = 'm001_other' WHERE migration = 1"),
    ("every row that is pointed to exists", "UPDATE document SET corpus = 77 WHERE document = 0"),
    ("every row that is pointed to exists", "DELETE FROM context WHERE context = 0"),
    ("every row that is pointed to exists", "UPDATE feature_document SET feature = 9999"),
    ("every text has the hash it is known by", "UPDATE document SET text = text || ' ' WHERE document = 0"),
    ("every number is finite", "UPDATE feature SET logit_std = 'nan' WHERE feature = 0"),
    ("every number is finite", "UPDATE feature_corpus SET kurtosis = 'inf'"),
    ("every SAE is named as the newest of its name is, or by its hash", "UPDATE sae SET label = pinned"),
    ("every SAE is named as the newest of its name is, or by its hash", "UPDATE sae SET ordinal = 7"),
    ("every SAE is named as the newest of its name is, or by its hash", "UPDATE sae SET pinned = 'x' || pinned"),
    ("every feature has the logit weights that its SAE says it has", "UPDATE feature SET logit_mean = NULL"),
    ("every feature has the logit weights that its SAE says it has", "UPDATE sae SET logit_weights = 'none'"),
    ("no activation is stored twice", f"INSERT INTO activation FROM {ONE_ACTIVATION}"),
    (
        "no activation is stored twice",
        f"INSERT INTO activation SELECT * REPLACE (activation + 1 AS activation) FROM {ONE_ACTIVATION}",
    ),
    ("every activation is above zero, and finite", "UPDATE activation SET activation = 0 WHERE context = 0"),
    ("every activation is above zero, and finite", "UPDATE activation SET activation = 'NaN' WHERE context = 0"),
    ("every activation is above zero, and finite", "UPDATE activation SET activation = 'inf' WHERE context = 0"),
    (
        "every activation stands on a token of a document that its SAE has encoded",
        "UPDATE activation SET position = 0 WHERE context = 0",
    ),
    (
        "every activation stands on a token of a document that its SAE has encoded",
        "DELETE FROM coverage WHERE document = 0 AND sae = 0",
    ),
    (
        "every window holds the tokens it says, at positions in a row",
        "DELETE FROM token WHERE context = 0 AND position = 2",
    ),
    (
        "every window holds the tokens it says, at positions in a row",
        "UPDATE token SET position = position + 1 WHERE context = 0",
    ),
    ("every token lies inside its document", "UPDATE token SET char_end = 999 WHERE context = 0 AND position = 1"),
    ("every token lies inside its document", "UPDATE token SET char_start = -1 WHERE context = 0 AND position = 1"),
    (
        "every term stands where its span says",
        "UPDATE document SET term_start = term_start + 1, term_end = term_end + 1",
    ),
    (
        "every document has one window chosen by hash in each tokenization",
        "UPDATE context SET sampled = false WHERE context = 0",
    ),
    (
        "every coverage counts the windows and tokens of its document",
        "UPDATE coverage SET tokens = tokens + 1 WHERE document = 0",
    ),
    ("sae_corpus counts what is summed", "UPDATE sae_corpus SET documents = documents + 1"),
    ("sae_corpus counts what is summed", "UPDATE sae_corpus SET activations = activations + 1"),
    ("sae_corpus counts what is summed", "DELETE FROM sae_corpus WHERE corpus = 0"),
    ("sae_corpus counts what is summed", "UPDATE coverage SET summed = false WHERE document = 0"),
    (
        "feature_document equals what the activations give",
        "UPDATE feature_document SET sum_activation = sum_activation * (1 + 1e-8)",
    ),
    ("feature_document equals what the activations give", "DELETE FROM feature_document WHERE document = 0"),
    ("feature_document equals what the activations give", "UPDATE feature_document SET window_max = window_max + 1"),
    ("feature_corpus equals what the activations give", "UPDATE feature_corpus SET m4_active = m4_active * 2"),
    ("feature_corpus equals what the activations give", "UPDATE feature_corpus SET documents = documents + 1"),
    ("feature_corpus equals what the activations give", "DELETE FROM feature_corpus WHERE corpus = 0"),
    (
        "the moments of feature_corpus follow from its sums, and can be",
        "UPDATE feature_corpus SET density = density * 2",
    ),
    ("the moments of feature_corpus follow from its sums, and can be", "UPDATE feature_corpus SET std = std + 1"),
    ("the moments of feature_corpus follow from its sums, and can be", "UPDATE feature_corpus SET std_active = NULL"),
    *(
        ("the moments of feature_corpus follow from its sums, and can be", f"UPDATE feature_corpus SET {change}")
        for change in (
            "mean = mean * 2",
            "skewness = -skewness",
            "skewness = NULL",
            "kurtosis = kurtosis + 1",
            "kurtosis = 'NaN'",
            "kurtosis = NULL",
        )
    ),
    (
        "feature_histogram and feature_token count the tokens that feature_corpus counts",
        "DELETE FROM feature_histogram WHERE corpus = 0",
    ),
    (
        "feature_histogram and feature_token count the tokens that feature_corpus counts",
        "UPDATE feature_token SET sum_activation = sum_activation + 1",
    ),
    *(
        ("feature_top_token ranks the ten tokens that feature_token has most of, over all corpora", statement)
        for statement in (
            "UPDATE feature_top_token SET active_tokens = active_tokens + 1 WHERE rank = 1",
            "UPDATE feature_top_token SET sum_activation = sum_activation + 1",
            "UPDATE feature_top_token SET rank = 3 - rank WHERE rank < 3",
            "UPDATE feature_top_token SET rank = rank + 1",
            "UPDATE feature_top_token SET token_id = 999 WHERE rank = 1",
            "DELETE FROM feature_top_token WHERE feature = 0",
            "DELETE FROM feature_top_token WHERE rank = 10",
            "INSERT INTO feature_top_token FROM feature_top_token",
        )
    ),
    (
        "no bin and no token of a feature is stored twice",
        "INSERT INTO feature_histogram SELECT * REPLACE (0 AS tokens) FROM feature_histogram",
    ),
    (
        "every example shows the activation it says, and the first of them the maximum",
        "UPDATE feature_example SET activation = activation + 1",
    ),
    (
        "every example shows the activation it says, and the first of them the maximum",
        "UPDATE feature_example SET rank = rank - 1",
    ),
    (
        "every contrast has the features and documents it says, or is marked to be computed again",
        "UPDATE sae_contrast SET documents_positive = 0",
    ),
    (
        "every contrast has the features and documents it says, or is marked to be computed again",
        "UPDATE feature_contrast SET q = NULL",
    ),
    (
        "the documents of a contrast are as many as it says, and those of one group are in one half",
        "DELETE FROM contrast_document WHERE positive AND document = 0",
    ),
    (
        "the documents of a contrast are as many as it says, and those of one group are in one half",
        "UPDATE document SET group_name = 'one book'",
    ),
    (
        "every figure of a contrast belongs to a feature of the contrast",
        "UPDATE feature_pair SET feature = feature + 50",
    ),
    ("every figure of a contrast belongs to a feature of the contrast", "UPDATE feature_domain SET contrast = 5"),
    ("every figure of a contrast belongs to a feature of the contrast", "UPDATE feature_evidence SET sae = 1 - sae"),
    (
        "every feature of a contrast has a confirmation, and every contrast a row for its SAE",
        "DELETE FROM feature_confirmation WHERE feature = 1",
    ),
    (
        "every feature of a contrast has a confirmation, and every contrast a row for its SAE",
        "DELETE FROM sae_contrast WHERE sae = 1",
    ),
    *(
        ("a set of features is as large as its contrast says, numbered by weight and by entry", statement)
        for statement in (
            "UPDATE sae_contrast SET set_size = set_size + 1",
            "DELETE FROM contrast_set WHERE rank = 1",
            "UPDATE contrast_set SET entered = 1",
            "UPDATE contrast_set SET entered = 9 WHERE entered = 1",
        )
    ),
    ("no pair and no domain counts more than there is", "UPDATE feature_pair SET higher = higher + 4"),
    ("no pair and no domain counts more than there is", "UPDATE feature_domain SET fires = documents + 1"),
    ("no pair and no domain counts more than there is", "UPDATE feature_domain SET called = called + 4"),
    ("every shuffle of a null is there, from 1, with one seed", "DELETE FROM contrast_null WHERE shuffle = 3"),
    ("every shuffle of a null is there, from 1, with one seed", "DELETE FROM contrast_null WHERE shuffle = 1"),
    (
        "every shuffle of a null is there, from 1, with one seed",
        "UPDATE contrast_null SET seed = 21 WHERE shuffle = 24",
    ),
    (
        "every explanation has a Shapley value for each player, and they add up",
        "DELETE FROM token_attribution WHERE explanation = 0 AND position = 1",
    ),
    (
        "every explanation has a Shapley value for each player, and they add up",
        "UPDATE feature_attribution SET value = value + 1e-6 WHERE player = 0",
    ),
    (
        "every explanation has a Shapley value for each player, and they add up",
        "UPDATE token_attribution SET rank = 1 WHERE explanation = 0",
    ),
    *(
        ("every figure of an SAE on a corpus can be, and follows from the others", f"UPDATE sae_quality SET {change}")
        for change in (
            "documents = documents + 1",
            "predicted_tokens = tokens + 1",
            "explained_variance = 1.5",
            "explained_variance = 'NaN'",
            "l0 = -1",
            "l0 = 0",
            "l0 = 12",
            "dead_share = 1.25",
            "ce_clean = ce_clean + 1",
            "ce_zero = ce_zero + 1",
            "ce_sae = 'inf', ce_rise = 'inf'",
            "ce_recovered = NULL",
            "ce_rise = -ce_rise",
        )
    ),
    ("every number of a document has a name", "UPDATE document_field SET name = ' '"),
    ("every row that is pointed to exists", "UPDATE document_field SET document = 99 WHERE document = 0"),
    ("every number is finite", "UPDATE document_field SET value = 'inf' WHERE document = 0"),
    *(
        ("every association has the features and documents it says, or is marked to be computed again", statement)
        for statement in (
            "UPDATE sae_association SET documents_compared = 3",
            "UPDATE sae_association SET features_tested = features_tested + 1",
            "UPDATE feature_target SET fires = 99",
            "UPDATE feature_classes SET q = NULL",
            "DELETE FROM association_document WHERE document = 0",
            "UPDATE association_document SET value = NULL WHERE document = 0",
            "UPDATE association_document SET class = NULL WHERE document = 0",
        )
    ),
    *(
        ("what an association compares is what its documents bear, and those of one group are in one half", statement)
        for statement in (
            "UPDATE document_field SET value = value + 1 WHERE document = 0",
            "UPDATE association_document SET class = 3 WHERE class = 0",
            "UPDATE document SET group_name = 'one book'",
        )
    ),
    *(
        ("every figure of an association can be, and its name is no contrast's", statement)
        for statement in (
            "UPDATE association SET name = (SELECT MIN(name) FROM contrast) WHERE kind = 'target'",
            "UPDATE feature_target SET rho = 1.5",
            "UPDATE feature_target SET q = p / 2 WHERE q IS NOT NULL",
            "UPDATE feature_target SET rho_low = rho_high + 1",
            "UPDATE feature_target SET confirmed = NULL",
            "UPDATE feature_classes SET epsilon_squared = -1",
            "UPDATE feature_classes SET p = 2",
            "UPDATE feature_class SET auroc = 1.25",
            "DELETE FROM feature_class WHERE feature = 1",
        )
    ),
    *(
        ("every effect of a patch is what its values give, and NULL where the prompts are hardly apart", statement)
        for statement in (
            "UPDATE patch_effect SET denoised_effect = denoised_effect + 0.01 WHERE site = 1",
            "UPDATE patch_effect SET noised_effect = NULL WHERE site = 1",
            "UPDATE patch_pair SET corrupted_value = clean_value - 0.001",
            "UPDATE patch_effect SET denoised_effect = 1, noised_effect = 0 WHERE denoised_effect IS NULL",
        )
    ),
    *(
        ("the whole residual stream of one prompt in the place of the other's gives the one's value", statement)
        for statement in (
            "UPDATE patch_effect SET denoised = denoised - 0.01 WHERE kind = 'resid_pre'",
            "UPDATE patch_effect SET noised = noised + 0.01 WHERE kind = 'resid_pre'",
            "DELETE FROM patch_effect WHERE kind = 'resid_pre'",
        )
    ),
    *(
        ("every site of a patch is numbered once, and says where it is", statement)
        for statement in (
            "UPDATE patch_effect SET head = NULL",
            "UPDATE patch_effect SET head = 2 WHERE kind = 'z'",
            "UPDATE patch_effect SET feature = NULL WHERE kind = 'feature'",
            "UPDATE patch_effect SET layer = 3",
            "UPDATE patch_effect SET position = 9 WHERE position = 2",
            "DELETE FROM patch_effect WHERE site = 1",
        )
    ),
    *(
        ("every pair of prompts has as many tokens on both sides as the position that is read needs", statement)
        for statement in (
            "UPDATE patch_pair SET clean_tokens = '[]'",
            "UPDATE patch_pair SET position = 1",
            "UPDATE patch_pair SET feature = NULL",
            "UPDATE patch_pair SET metric = 'logit_difference'",
            "UPDATE patch_pair SET denoised_agreement = 1.5",
            "UPDATE patch_pair SET least_difference = 0",
        )
    ),
    *(
        ("what a feature reads is the sum of what every part of the model writes", statement)
        for statement in (
            "UPDATE direct_part SET value = value + 0.001 WHERE part = 3",
            "DELETE FROM direct_part WHERE part = 4",
            "UPDATE direct_attribution SET pre_activation = pre_activation + 1, residual = residual + 1",
            "UPDATE direct_part SET source = NULL",
            "UPDATE direct_part SET kind = 'mlp' WHERE kind = 'encoder_bias'",
            "UPDATE direct_attribution SET position = 7",
        )
    ),
    *(
        ("every pair of positions that matters is one that a head can look at, and at most 256 are kept", statement)
        for statement in (
            "UPDATE attention_pair SET query = 0 WHERE source = 1",
            "UPDATE attention_pair SET query = 9",
            "UPDATE attention_pair SET weight = 1.5",
            "INSERT INTO attention_pair SELECT direct_attribution, 9 + range, head, query, source, weight, value "
            "FROM attention_pair, range(100)",
        )
    ),
    *(
        ("every graph has the nodes it says, and leads to one feature, or to ten tokens at most", statement)
        for statement in (
            "DELETE FROM graph_node WHERE node = 1",
            "UPDATE graph SET nodes = nodes + 1",
            "UPDATE graph SET feature = 5 WHERE feature IS NOT NULL",
            "UPDATE graph_node SET effect = NULL WHERE node = 2",
            "UPDATE graph_node SET sae = NULL WHERE kind = 'error'",
            "UPDATE graph_node SET activation = NULL WHERE node = 3",
            "UPDATE graph_node SET probability = 1.5 WHERE kind = 'logit'",
            "UPDATE graph_node SET position = 3 WHERE node = 4",
            "UPDATE graph SET tokens = '[]'",
        )
    ),
    *(
        ("every edge of a graph joins a kept node to one of the next level that is not before it", statement)
        for statement in (
            "UPDATE graph_edge SET source = 3 WHERE source = 2",
            "UPDATE graph_edge SET target = 5 WHERE target = 2",
            "UPDATE graph_edge SET target = 7 WHERE target = 2",
            "UPDATE graph_edge SET weight = 0 WHERE source = 2",
            "UPDATE graph_edge SET source = 77 WHERE source = 0",
            "UPDATE graph SET edges = 1",
        )
    ),
    *(
        ("what is kept of a graph leads somewhere, and is among the nodes of most influence", statement)
        for statement in (
            "DELETE FROM graph_edge WHERE source = 2",
            "DELETE FROM graph_edge WHERE target = 2",
            "UPDATE graph_node SET kept = true",
            "UPDATE graph_node SET influence = -1 WHERE node = 6",
            "UPDATE graph_node SET cumulative = 2 WHERE node = 6",
            "UPDATE graph_node SET kept = false WHERE kind = 'token'",
        )
    ),
    *(
        ("every share that what is kept of a graph brings is what its values give", statement)
        for statement in (
            "UPDATE graph SET faithfulness = faithfulness + 0.001",
            "UPDATE graph SET completeness = NULL",
            "UPDATE graph SET empty_value = clean_value",
            "UPDATE graph SET agreement = 0.5",
            "UPDATE graph SET node_threshold = 0",
            "UPDATE graph SET least_difference = 0",
        )
    ),
    *(
        ("what a head looks at is a share, once for every head of the model", statement)
        for statement in (
            "UPDATE attention_summary SET bos = 1.5 WHERE document = 0",
            "UPDATE attention_summary SET entropy = NULL WHERE document = 0",
            "UPDATE attention_summary SET term = -0.5 WHERE document = 0",
            "DELETE FROM attention_summary WHERE document = 0 AND layer = 1",
            "UPDATE attention_summary SET head = 0 WHERE document = 0",
        )
    ),
    *(
        ("what a head looks at in a corpus is the mean over its documents", statement)
        for statement in (
            "UPDATE attention_head SET documents = documents + 1",
            "UPDATE attention_head SET term = term + 0.01",
            "UPDATE attention_head SET same = NULL",
            "DELETE FROM attention_summary WHERE document = 0",
        )
    ),
    *(
        ("every head that is compared belongs to a contrast, and its chances can be", statement)
        for statement in (
            "UPDATE attention_contrast SET contrast = 7",
            "UPDATE attention_contrast SET q = p / 2",
            "UPDATE attention_contrast SET p = 1.5",
            "UPDATE attention_contrast SET documents_control = 4",
            "UPDATE attention_contrast SET auroc_length = 1.5",
            "UPDATE attention_contrast SET p_length = NULL WHERE auroc_length IS NOT NULL",
        )
    ),
    *(
        ("every label says something, once a source, and names what it was made from", statement)
        for statement in (
            "UPDATE feature_label SET label = ' ' WHERE feature_label = 0",
            "UPDATE feature_label SET words = '{}' WHERE feature_label = 0",
            "UPDATE feature_label SET contexts = 0 WHERE feature_label = 0",
            "UPDATE feature_label SET source = 'atlas' WHERE source <> 'atlas'",
            "UPDATE feature_label SET prompt = 'What is it?', answer = NULL WHERE feature_label = 0",
            "INSERT INTO feature_label SELECT * REPLACE (feature_label + 100 AS feature_label) FROM feature_label",
        )
    ),
    *(
        ("every dose of a steered prompt stands beside its random features, and ranks among them", statement)
        for statement in (
            "UPDATE steering_effect SET kl_rank = kl_rank + 1 WHERE random = 0",
            "UPDATE steering_effect SET kl = 9 WHERE random = 1",
            "UPDATE steering_effect SET kl = 0.5 WHERE dose = 0",
            "UPDATE steering_effect SET feature = feature + 1 WHERE random = 0",
            "UPDATE steering_effect SET words_probability = NULL",
            "UPDATE steering_effect SET words_rank = NULL",
            "DELETE FROM steering_effect WHERE random = 2 AND dose = 1",
            "DELETE FROM steering_effect WHERE steering = 1",
            "UPDATE steering SET unit = 0",
        )
    ),
    *(
        ("every rise of the loss without a feature is what its documents give, and what is silent gains nothing", each)
        for each in (
            "UPDATE ablation_document SET nats_without = nats_without + 1 WHERE active_tokens = 0",
            "UPDATE ablation_document SET nats_without = nats_without + 1 WHERE active_tokens > 0",
            "DELETE FROM ablation_document WHERE document = 0",
            "UPDATE ablation_effect SET rise = rise + 0.01 WHERE random = 1",
            "UPDATE ablation_effect SET rise_low = NULL",
            "UPDATE ablation SET difference = difference + 0.01",
            "UPDATE ablation SET difference_rank = 4",
            "DELETE FROM ablation_effect WHERE random = 2",
        )
    ),
    ("every row that is pointed to exists", "DELETE FROM feature_label WHERE feature_label = 0"),
    *(
        ("every score of a label can be, and says why where there is none", f"UPDATE label_score SET {change}")
        for change in (
            "auroc = NULL",
            "reason = 'none'",
            "balanced_accuracy = balanced_accuracy + 0.01",
            "recall = 1.5",
            "auroc_low = auroc_high + 0.1",
            "balanced_accuracy_low = 2",
            "beaten = wrong_labels + 1",
            "wrong_best = wrong_mean - 0.1",
            "beaten = 0",
            "firing_groups = firing + 1",
            "silent_groups = 4",
        )
    ),
    *(
        (
            "every feature has its neighbours and its opposites once each, the nearest and the most opposite first",
            statement,
        )
        for statement in (
            "UPDATE feature_neighbour SET other_feature = 99 WHERE feature = 1 AND rank = 1",
            "UPDATE feature_neighbour SET other_feature = feature WHERE feature = 1 AND rank = 1",
            "UPDATE feature_neighbour SET other_feature = 3 WHERE feature = 1",
            "UPDATE feature_neighbour SET cosine = 1.5 WHERE rank = 1",
            "UPDATE feature_neighbour SET cosine = -1 WHERE rank = 1",
            "DELETE FROM feature_neighbour WHERE rank = 2",
            "INSERT INTO feature_neighbour FROM feature_neighbour",
            "UPDATE feature_opposite SET other_feature = 99 WHERE feature = 1 AND rank = 1",
            "UPDATE feature_opposite SET other_feature = 3 WHERE feature = 1",
            "UPDATE feature_opposite SET cosine = 1 WHERE rank = 1",
            "DELETE FROM feature_opposite WHERE rank = 2",
        )
    ),
    *(
        ("every feature has its company once each, the largest overlap first, counted on tokens", statement)
        for statement in (
            "UPDATE feature_coactivation SET other_feature = 99 WHERE feature = 1 AND rank = 1",
            "UPDATE feature_coactivation SET other_feature = feature WHERE feature = 1 AND rank = 1",
            "UPDATE feature_coactivation SET other_feature = 3 WHERE feature = 0",
            "UPDATE feature_coactivation SET jaccard = 1.5 WHERE rank = 1",
            "UPDATE feature_coactivation SET jaccard = 0.001 WHERE feature = 0 AND rank = 1",
            "UPDATE feature_coactivation SET lift = 0",
            "UPDATE feature_coactivation SET tokens_both = 1 WHERE rank = 1",
            "UPDATE sae_coactivation SET tokens = 3",
            "DELETE FROM sae_coactivation",
            "DELETE FROM feature_coactivation WHERE feature = 0 AND rank = 1",
            "INSERT INTO feature_coactivation FROM feature_coactivation",
        )
    ),
    *(
        ("every clustering says how it was chosen, how stable it is, and how far its map can be trusted", statement)
        for statement in (
            "UPDATE clustering SET features = features + 1",
            "DELETE FROM cluster WHERE clustering = 0 AND cluster = 2",
            "UPDATE clustering SET clusters = 4 WHERE clustering = 0",
            "UPDATE clustering_choice SET silhouette = 0.9 WHERE clusters = 4",
            "DELETE FROM clustering_choice",
            "UPDATE clustering SET criterion = 'asked' WHERE clustering = 0",
            "UPDATE clustering SET silhouette = 2",
            "UPDATE clustering SET rand_mean = 1.5",
            "UPDATE clustering SET rand_least = rand_mean + 0.1",
            "UPDATE clustering SET seeds = 0",
            "UPDATE clustering SET map_parameters = NULL WHERE clustering = 0",
            "UPDATE clustering SET trustworthiness = NULL WHERE clustering = 0",
            "UPDATE clustering SET trustworthiness = 1.25 WHERE clustering = 0",
        )
    ),
    *(
        ("every cluster holds the features it says, and each has a place where there is a map", statement)
        for statement in (
            "UPDATE feature_cluster SET cluster = 0 WHERE feature = 1",
            "UPDATE cluster SET features = features + 1 WHERE cluster = 0",
            "UPDATE cluster SET stability = 1.5",
            "UPDATE feature_cluster SET sae = 1 WHERE clustering = 0",
            "UPDATE feature_cluster SET silhouette = -2",
            "UPDATE feature_cluster SET x = NULL WHERE feature = 3",
            "UPDATE feature_cluster SET x = 0.9, y = 0.9 WHERE clustering = 0",
            "UPDATE feature_cluster SET x = 0.5 WHERE clustering = 1",
            "UPDATE cluster SET y = NULL WHERE clustering = 0",
        )
    ),
    *(
        ("every name of a cluster is a token, the most particular first", statement)
        for statement in (
            "UPDATE cluster_token SET token_id = 9999",
            "UPDATE cluster_token SET cluster = cluster + 7",
            "UPDATE cluster_token SET share = 0",
            "UPDATE cluster_token SET weight = 0.01 WHERE rank = 1",
            "DELETE FROM cluster_token WHERE rank = 1",
        )
    ),
    *(
        (
            "every cluster that a contrast speaks of is of its SAE, and no more features are called than tested",
            statement,
        )
        for statement in (
            "UPDATE cluster_contrast SET called = tested + 1",
            "UPDATE cluster_contrast SET tested = 99",
            "UPDATE cluster_contrast SET cluster = cluster + 9",
            "UPDATE cluster_contrast SET sae = 1 WHERE clustering = 0",
            "UPDATE cluster_contrast SET p = 2",
            "UPDATE cluster_contrast SET q = p / 2 WHERE cluster = 0",
        )
    ),
    *(
        ("every match is in another SAE of the same model, each once, the most alike first", statement)
        for statement in (
            "UPDATE feature_match SET other_feature = 99 WHERE feature = 1",
            "UPDATE feature_match SET other_sae = 0",
            "UPDATE feature_match SET other_sae = 7",
            "UPDATE feature_match SET cosine = NULL",
            "UPDATE feature_match SET correlation = 1.5",
            "UPDATE feature_match SET correlation = 0.01 WHERE rank = 1",
            "DELETE FROM feature_match WHERE rank = 1",
            "UPDATE sae_match SET tokens = tokens + 1 WHERE sae = 0",
            "DELETE FROM sae_match WHERE sae = 0",
            "INSERT INTO feature_match FROM feature_match",
            "UPDATE sae SET model = 5 WHERE sae = 1",
        )
    ),
    *(
        ("a match is mutual where each is the other's best, and counts those that share it", statement)
        for statement in (
            "UPDATE feature_match SET mutual = NOT mutual WHERE feature = 4",
            "UPDATE feature_match SET mutual = true WHERE rank = 2",
            "UPDATE feature_match SET siblings = 3 WHERE feature = 7",
            "UPDATE feature_match SET siblings = 1 WHERE rank = 2",
            "UPDATE sae_match SET least_cosine = 0.99",
        )
    ),
    (
        "an SAE has no weights where it was imported, and nowhere else, and its features are those of its export",
        "UPDATE sae SET weights_sha256 = NULL",
    ),
    (
        "an SAE has no weights where it was imported, and nowhere else, and its features are those of its export",
        "UPDATE sae SET logit_weights = 'imported'",
    ),
    (
        "an SAE has no weights where it was imported, and nowhere else, and its features are those of its export",
        "INSERT INTO feature_import VALUES (0, 0, NULL, NULL, '{}')",
    ),
    *(
        (
            "every window that an export shows is one that its SAE knows, and its activations stand in no other",
            statement,
        )
        for statement in (
            "INSERT INTO shown_window VALUES (0, 0, 0, 0, -1, 2, -1, 999)",
            "INSERT INTO shown_window VALUES (9, 0, 0, 0, -1, 2, -1, 0)",
            "INSERT INTO sae_import VALUES (0, 0, 'neuronpedia', 'x', 'y', NULL, NULL, NULL, '{}')",
        )
    ),
    *(
        ("every figure of a reproduction belongs to one, and every reproduction to a contrast", statement)
        for statement in (
            "UPDATE reproduction_feature SET contrast = 1 WHERE place = 1",
            "UPDATE reproduction_fault SET contrast = 1 WHERE fault = 3",
            "DELETE FROM sae_contrast WHERE sae = 0",
        )
    ),
    *(
        ("the lists of a reproduction are numbered from 1, and agree as it says", statement)
        for statement in (
            "UPDATE reproduction_feature SET printed_number = printed_number - 1 WHERE place = 1",
            "UPDATE reproduction_feature SET place = 1 WHERE place = 2",
            "UPDATE reproduction_feature SET place = NULL WHERE place = 2",
            "UPDATE reproduction SET printed_shared = 2",
            "UPDATE reproduction SET printed_in_place = 3",
        )
    ),
    ("the study's moments are there of every feature of an SAE", "DELETE FROM study_moment WHERE feature = 3"),
]


@pytest.fixture
def copy(tiny: Path, tmp_path: Path) -> Path:
    path = tmp_path / "atlas.duckdb"
    path.write_bytes(tiny.read_bytes())
    return path


def broken(path: Path) -> set[str]:
    with open_atlas(path, read_only=True) as atlas:
        return {finding.invariant for finding in verify(atlas) if finding.violations}


def damage(path: Path, statement: str) -> None:
    with open_atlas(path) as atlas:
        assert atlas.rows(statement) != [(0,)]


def test_the_tiny_atlas_holds(tiny_built: Path) -> None:
    assert broken(tiny_built) == set()


@pytest.fixture(scope="module")
def opened(tiny: Path) -> Iterator[Atlas]:
    """The tiny atlas, open; whoever damages it takes the damage back."""
    with open_atlas(tiny) as atlas:
        yield atlas


@pytest.mark.parametrize(("invariant", "statement"), DAMAGES)
def test_damage_is_found(invariant: str, statement: str, opened: Atlas) -> None:
    opened.rows("BEGIN")
    try:
        assert opened.rows(statement) != [(0,)]
        assert invariants()[invariant](opened) > 0
    finally:
        opened.rows("ROLLBACK")


def test_damage_of_every_invariant_is_tried() -> None:
    assert {invariant for invariant, _ in DAMAGES} == set(invariants())


def test_the_command_names_what_is_broken_and_fails(copy: Path) -> None:
    assert CliRunner().invoke(cli, ["verify", str(copy)]).output.endswith(f"{copy} holds\n")
    damage(copy, "UPDATE feature_corpus SET mean_active = mean_active * 2")
    result = CliRunner().invoke(cli, ["verify", str(copy)])
    assert "BROKEN  feature_corpus equals what the activations give (" in result.output
    assert isinstance(result.exception, AtlasDamagedError)
    assert "invariants do not hold" in str(result.exception)
