"""The AUROC of every feature against each domain of the control documents, in one pass over the ranks.

Which positive documents a control one outranks does not depend on its domain, so
each control row counts once and its domain only says where.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ingest.statistics.ties import ties


class DomainContrast(NamedTuple):
    """Every feature against every domain.

    Shapes: fires, auroc (n_features, domain); auroc is NaN for a domain without documents.
    """

    fires: Int[np.ndarray, "n_features domain"]
    auroc: Float[np.ndarray, "n_features domain"]


def contrast_domains(
    feature: Int[np.ndarray, " row"],
    score: Float[np.ndarray, " row"],
    domain: Int[np.ndarray, " row"],
    documents: Int[np.ndarray, " domain"],
    sizes: tuple[int, int],
) -> DomainContrast:
    """Positive documents (domain -1) against the control documents of each domain; ties count half.

    `documents` holds the control documents of each domain, `sizes` the number of positive documents and of features.
    """
    n_positive, n_features = sizes
    positive = domain < 0
    groups = ties(feature, score)
    hits = groups.total(positive)
    fires_positive = np.bincount(feature[positive], minlength=n_features)
    above = fires_positive[groups.feature] - groups.below(hits) - hits / 2
    outranked = np.empty(len(feature))
    outranked[groups.order] = np.repeat(above, groups.size)
    cells = feature[~positive].astype(np.int64) * len(documents) + domain[~positive]
    shape, n_cells = (n_features, len(documents)), n_features * len(documents)
    fires = np.bincount(cells, minlength=n_cells).reshape(shape)
    over_firing = np.bincount(cells, weights=outranked[~positive], minlength=n_cells).reshape(shape)
    over_silent = (documents - fires) * ((fires_positive + n_positive) / 2)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        return DomainContrast(fires, (over_firing + over_silent) / (n_positive * documents))
