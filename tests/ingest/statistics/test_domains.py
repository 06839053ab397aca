"""The AUROC against each control domain, against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from sklearn.metrics import roc_auc_score

from ingest.statistics.domains import contrast_domains
from tests.made.sparse_cases import Case, cases

DOMAINS = 3


@settings(max_examples=60, deadline=None)
@given(case=cases())
def test_it_equals_scikit_learn(case: Case) -> None:
    feature, document, score = case.rows
    domain = np.where(case.positive, -1, case.group % DOMAINS)
    members = np.bincount(domain[domain >= 0], minlength=DOMAINS)
    found = contrast_domains(feature, score, domain[document], members, (case.sizes[0], case.n_features))
    for number, scores in enumerate(case.dense):
        for place in range(DOMAINS):
            inside = case.positive | (domain == place)
            assert found.fires[number, place] == (scores[domain == place] > 0).sum()
            if members[place]:
                expected = roc_auc_score(case.positive[inside], scores[inside])
                assert found.auroc[number, place] == pytest.approx(expected, abs=1e-12)
            else:
                assert np.isnan(found.auroc[number, place])
