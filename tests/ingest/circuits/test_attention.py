"""What heads look at: measures of windows worked by hand, and comparisons that find what is there and nothing else."""

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import binom, mannwhitneyu

from ingest.circuits.attention.attention_contrast import compare_sides
from ingest.circuits.attention.attention_measures import MEASURES, measure_attention
from ingest.contrasts.scores import Documents


def pattern_of(tokens: int, seed: int = 0) -> torch.Tensor:
    """Attention of two blocks of three heads: (layer, head, query, key)."""
    scores = torch.randn(2, 3, tokens, tokens, generator=torch.Generator().manual_seed(seed))
    return scores.masked_fill(~torch.ones(tokens, tokens, dtype=torch.bool).tril(), float("-inf")).softmax(-1)


def by_hand(pattern: torch.Tensor, ids: list[int], first: int, term: tuple[int, int] | None) -> dict[str, list[float]]:
    """Each query's share, for one head, spelled out."""
    found: dict[str, list[float]] = {name: [] for name in MEASURES}
    for query in range(first, len(ids)):
        row = pattern[query].tolist()
        found["entropy"].append(-sum(weight * np.log(weight) for weight in row if weight))
        if first:
            found["bos"].append(row[0])
        if query > first:
            found["previous"].append(row[query - 1])
        same = [key for key in range(first, query) if ids[key] == ids[query]]
        after = [key + 1 for key in same if key + 1 < query]
        if same:
            found["same"].append(sum(row[key] for key in same))
        if after:
            found["induction"].append(sum(row[key] for key in after))
        if term and query >= term[1]:
            found["term"].append(sum(row[slice(*term)]))
    return found


@pytest.mark.parametrize(
    ("ids", "first", "term"),
    [([0, 5, 6, 5, 6, 6, 7], 1, (2, 4)), ([5, 6, 5, 5], 0, None), ([0, 1, 2, 3], 1, (3, 4)), ([0, 9], 1, None)],
)
def test_measures_are_those_of_a_plain_loop(ids: list[int], first: int, term: tuple[int, int] | None) -> None:
    pattern = pattern_of(len(ids))
    found = measure_attention(pattern, np.array(ids), first, term)
    for layer in range(2):
        for head in range(3):
            expected = by_hand(pattern[layer, head], ids, first, term)
            for place, name in enumerate(MEASURES):
                mean = np.mean(expected[name]) if expected[name] else np.nan
                np.testing.assert_allclose(found.mean[place, layer, head], mean, rtol=1e-5)
                assert found.tokens[place] == len(expected[name])


def test_windows_of_a_document_count_by_their_tokens() -> None:
    ids = [np.array([0, 5, 6, 5]), np.array([0, 5, 5, 6, 7, 5])]
    parts = [measure_attention(pattern_of(len(each), seed), each, 1) for seed, each in enumerate(ids)]
    together = parts[0] + parts[1]
    bos = MEASURES.index("bos")
    expected = (3 * parts[0].mean[bos] + 5 * parts[1].mean[bos]) / 8
    np.testing.assert_allclose(together.mean[bos], expected)
    assert np.isnan(together.mean[MEASURES.index("term")]).all()


def documents(positive: np.ndarray, group: np.ndarray, length: np.ndarray | None = None) -> Documents:
    """Documents of which nothing is known but their side, group and length, else one for all."""
    n = len(positive)
    own: dict[str, Any] = {field.name: np.arange(n) for field in fields(Documents)}
    own |= {"positive": positive, "group": group, "confirmation": np.zeros(n, dtype=bool), "domains": ()}
    own["length"] = np.full(n, 12) if length is None else length
    return Documents(**own)


def test_a_planted_difference_comes_first_and_p_is_scipys() -> None:
    rng = np.random.default_rng(1)
    positive = np.arange(60) % 2 == 0
    values = rng.uniform(0.1, 0.9, (60, 6))
    values[positive, 4] += 0.4
    found = compare_sides(
        {"previous": values, "same": np.full((60, 6), np.nan)}, documents(positive, np.arange(60)), 100
    )
    assert list(found) == ["previous"]
    columns = found["previous"]
    assert columns["q"].argmin() == 4
    assert columns["q"][4] < 0.05
    for cell in range(6):
        test = mannwhitneyu(values[positive, cell], values[~positive, cell])
        assert columns["p"][cell] == pytest.approx(test.pvalue, rel=0.15, abs=1e-4)
        assert columns["auroc"][cell] == pytest.approx(test.statistic / 900)
    np.testing.assert_allclose(columns["mean_positive"], values[positive].mean(0))


def test_documents_without_a_measure_are_left_out() -> None:
    rng = np.random.default_rng(2)
    positive = np.arange(40) % 2 == 0
    values = rng.uniform(size=(40, 4))
    values[:24] = np.nan
    found = compare_sides(
        {"induction": values, "bos": rng.uniform(size=(40, 4))}, documents(positive, np.arange(40)), 20
    )
    assert set(found["induction"]["documents_positive"]) == {8}
    assert set(found["bos"]["documents_control"]) == {20}
    values[:34] = np.nan
    assert "induction" not in compare_sides({"induction": values}, documents(positive, np.arange(40)), 20)


@pytest.mark.parametrize("paired", [True, False])
def test_shuffled_pairs_find_nothing_beyond_the_stated_rate(paired: bool) -> None:
    """Heads look alike and documents of a pair too, as in life; labels are exchanged inside pairs, or freely."""
    rng, repeats, called = np.random.default_rng(3), 120, 0
    for _ in range(repeats):
        pair = np.repeat(np.arange(24), 2)
        positive = (np.arange(48) + np.repeat(rng.integers(0, 2, 24), 2)) % 2 == 0
        if not paired:
            positive = rng.permutation(positive)
        common = rng.normal(size=(24, 1))[pair] + rng.normal(size=(48, 1))
        cells = np.exp(common + 0.7 * rng.normal(size=(48, 30)))
        group = pair if paired else np.arange(48)
        found = compare_sides({"bos": cells[:, :15], "entropy": cells[:, 15:]}, documents(positive, group), 40)
        called += any((columns["q"] <= 0.05).any() for columns in found.values())
    assert called <= binom.ppf(0.999, repeats, 0.05)


@pytest.mark.parametrize("paired", [True, False])
def test_p_within_lengths_holds_its_rate_where_nothing_is_to_be_found(paired: bool) -> None:
    rng, repeats, called = np.random.default_rng(7), 60, np.zeros(2)
    for _ in range(repeats):
        pair = np.repeat(np.arange(30), 2)
        positive = (np.arange(60) + np.repeat(rng.integers(0, 2, 30), 2)) % 2 == 0
        if not paired:
            positive = rng.permutation(positive)
        length = rng.integers(8, 14, 30)[pair] if paired else rng.integers(8, 14, 60)
        cells = np.exp(rng.normal(size=(30, 1))[pair] + rng.normal(size=(60, 2)))
        group = pair if paired else np.arange(60)
        p = compare_sides({"bos": cells}, documents(positive, group, length), 0)["bos"]["p_length"]
        called += p <= 0.05
    assert (called <= binom.ppf(0.999, repeats, 0.06)).all()  # the p of a normal distribution, of some 30 pairs


def test_heads_are_compared_among_texts_of_like_length() -> None:
    """A weight of 1 over the length, and another that differs among texts of one length alone."""
    rng = np.random.default_rng(8)
    positive = np.arange(80) % 2 == 0
    length = rng.integers(8, 14, 80) + 2 * positive
    share, raised = 1 / length, 1 / length + 0.03 * positive * rng.uniform(0.5, 1, 80)
    columns = compare_sides({"bos": np.stack([share, raised], 1)}, documents(positive, np.arange(80), length), 0)["bos"]
    assert columns["auroc"][0] < 0.35
    assert (columns["auroc_length"][0], columns["p_length"][0]) == (0.5, 1)
    assert columns["auroc_length"][1] == 1
    assert columns["p_length"][1] < 1e-6
    apart = compare_sides({"bos": share[:, None]}, documents(positive, np.arange(80), length + 90 * positive), 0)["bos"]
    assert np.isnan([apart["auroc_length"][0], apart["p_length"][0]]).all()


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize(("shortest", "longest"), [(8, 20), (40, 400)])
def test_a_head_that_looks_everywhere_says_nothing_of_texts_of_other_lengths(
    paired: bool, shortest: int, longest: int
) -> None:
    """Weights of 1 / k on each of k tokens; the positive texts are longer, always so in a pair."""
    rng, repeats, called = np.random.default_rng(5), 40, 0
    for _ in range(repeats):
        positive = np.arange(120) % 2 == 0
        length = rng.integers(shortest, longest, 120) + positive * (longest - shortest) // 6
        if paired:
            length[::2] = length[1::2] + 1 + rng.integers(0, 2, 60)
        shares = np.array([(1 / np.arange(2, n + 2)).mean() for n in length])
        entropy = np.array([np.log(np.arange(2, n + 2)).mean() for n in length])
        group = np.arange(120) // 2 if paired else np.arange(120)
        measures = {"bos": shares[:, None], "entropy": entropy[:, None]}
        found = compare_sides(measures, documents(positive, group, length), 0)
        called += any((columns["p"] <= 0.05).any() for columns in found.values())
    assert called <= binom.ppf(0.999, repeats, 0.05)


def test_a_planted_difference_is_found_among_texts_of_many_lengths() -> None:
    rng = np.random.default_rng(6)
    positive, length = np.arange(120) % 2 == 0, rng.integers(40, 400, 120)
    values = rng.uniform(0.1, 0.9, (120, 6))
    values[positive, 4] += 0.4
    columns = compare_sides({"previous": values}, documents(positive, np.arange(120), length), 100)["previous"]
    assert columns["q"].argmin() == 4
    assert columns["q"][4] < 0.01
