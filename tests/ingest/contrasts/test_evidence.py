"""Pairs as evidence where a group has several: groups are tested, and nothing changes where each has one."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom

from ingest.contrasts.evidence import evidence_from_pairs
from ingest.contrasts.scores import Scores
from ingest.statistics.paired import SignedRank, pair_differences, paired_template_numbers, signed_rank
from tests.made.apart import documents_of

GROUPS, TEMPLATES, FEATURES = 8, 5, 400


def paired_scores(seed: int, group: np.ndarray) -> Scores:
    """Documents 2n and 2n + 1 are a pair; which of them fires more, and by how much, is its group's."""
    n = len(group)
    rng = np.random.default_rng(seed)
    documents = replace(documents_of(group, n), positive=np.arange(n) % 2 == 0, template=np.arange(n) // 2)
    effect = rng.normal(size=(FEATURES, group.max() + 1))[:, group] * np.where(documents.positive, 1, -1)
    score = np.exp(effect + rng.normal(size=(FEATURES, n)) / 5)
    feature, document = np.divmod(np.arange(FEATURES * n), n)
    once = np.ones(FEATURES * n, dtype=int)
    return Scores(documents, range(FEATURES), feature, document, score.ravel(), score.ravel(), once, np.zeros(FEATURES))


def within(p: np.ndarray) -> bool:
    return bool((p <= 0.05).sum() <= binom.ppf(0.999, len(p), 0.05))


def test_templates_of_one_group_are_not_independent() -> None:
    """And that it can fail: each template by itself finds what is not there."""
    scores = paired_scores(1, np.repeat(np.arange(GROUPS), 2 * TEMPLATES))
    found = evidence_from_pairs(scores)
    assert within(found["p"])
    assert (found["differing"] == GROUPS).all()
    assert (found["higher"] + found["lower"] == GROUPS * TEMPLATES).all()
    assert not within(_by_template(scores).p)


def test_groups_that_a_pair_stands_in_both_of_are_one() -> None:
    """The positive documents of a patient and the control ones of another, template by template."""
    together = paired_scores(2, np.repeat(np.arange(GROUPS), 2 * TEMPLATES))
    documents = together.documents
    apart = replace(documents, group=2 * documents.group + documents.positive)
    found = evidence_from_pairs(replace(together, documents=apart))
    for name, values in evidence_from_pairs(together).items():
        np.testing.assert_array_equal(found[name], values)


@pytest.mark.parametrize("per_group", [1, 2])
def test_nothing_changes_where_each_template_is_a_group(per_group: int) -> None:
    """Documents of a template bear one group, or none at all: then each is one by itself."""
    n = 2 * GROUPS * TEMPLATES
    scores = paired_scores(3, np.random.default_rng(3).permutation(n // per_group).repeat(per_group))
    found, expected = evidence_from_pairs(scores), _by_template(scores)
    np.testing.assert_array_equal(found["p"], expected.p)
    np.testing.assert_array_equal(found["higher"], expected.higher)
    np.testing.assert_array_equal(found["differing"], expected.higher + expected.lower)


def _by_template(scores: Scores) -> SignedRank:
    documents = scores.documents
    pair = paired_template_numbers(documents.template, documents.positive)
    differences = pair_differences(scores.feature, scores.score, scores.document, pair, documents.positive)
    return signed_rank(differences, len(scores))
