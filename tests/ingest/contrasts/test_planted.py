"""Planted truth: a corpus and an SAE whose features are known, judged by the figures of a contrast.

| feature | fires on | so it must |
|---|---|---|
| 0 | any of twelve diseases | come first, and pass every threshold |
| 1 | the same and any of twelve dishes | fail against the domain of cooking |
| 2 | one disease only | be told by its top token and its coverage |
| 3 | the last token, a full stop, longer in medicine | be told by its one token and by the pairs |
| 4 | every token, at random | favour nothing |
| 5 | nothing | be named dead |
| 6.. | a few random tokens each | favour nothing |
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score, roc_auc_score

from queries import run_query
from schema import Atlas, open_atlas
from schema.verify import verify
from tests.made.empty_atlas import write_empty_atlas
from tests.made.jobs import compute_contrast
from tests.made.synthetic_atlas import Sentence, build_atlas

D_SAE = 60
DISEASES, DISHES, STOP = range(100, 112), range(200, 212), 9
CONTROLS = ("cooking", "law", "sport", "travel")
DOCUMENTS = 240


def planted(seed: int = 1) -> tuple[list[Sentence], pa.Table]:
    """Half of the sentences name a disease; every other one shares its template with a control."""
    rng = np.random.default_rng(seed)
    sentences, rows = [], []
    for number in range(DOCUMENTS):
        medical, pair = number % 2 == 0, number // 2
        domain = "medicine" if medical else CONTROLS[pair % len(CONTROLS)]
        template = f"t{pair}" if pair % 2 else None
        size = 10 if template or not medical else 14
        tokens = rng.integers(1000, 1200, size).tolist()
        concept = DISEASES if medical else DISHES if domain == "cooking" else range(300, 312)
        tokens[2] = int(rng.choice(concept))
        tokens[-1] = STOP
        sentences.append(Sentence(tokens, domain, template, 2 if medical else None))
        for position, token in enumerate(tokens, start=1):
            rows += [(number, position, feature, value) for feature, value in fires(token, size, rng)]
    columns = list(zip(*rows, strict=True))
    types = {"document": pa.int32(), "position": pa.int16(), "feature": pa.int32(), "activation": pa.float32()}
    return sentences, pa.table({n: pa.array(c, t) for (n, t), c in zip(types.items(), columns, strict=True)})


def fires(token: int, size: int, rng: np.random.Generator) -> Iterator[tuple[int, float]]:
    """The planted rules."""
    noise = float(rng.uniform(0.5, 1.5))
    if token in DISEASES and rng.random() < 0.95:
        yield 0, 5 + noise
    if token in DISEASES or token in DISHES:
        yield 1, 5 + noise
    if token == DISEASES[0]:
        yield 2, 8 + noise
    if token == STOP:
        yield 3, size + noise
    yield 4, noise
    for feature in rng.choice(np.arange(6, D_SAE), 3, replace=False):
        yield int(feature), float(rng.gamma(2.0))


@pytest.fixture(scope="module")
def planted_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The planted atlas with its contrast and null, computed in several ranges of features."""
    path = tmp_path_factory.mktemp("planted") / "atlas.duckdb"
    sentences, activations = planted()
    build_atlas(write_empty_atlas(path), sentences, D_SAE, activations)
    with open_atlas(path) as opened:
        sides = ["domain=medicine"], [f"domain={d}" for d in CONTROLS]
        compute_contrast(opened, "medical", *sides, shuffles=40, chunk_rows=1000)
    return path


@pytest.fixture(scope="module")
def atlas(planted_path: Path) -> Iterator[Atlas]:
    """The same, open."""
    with open_atlas(planted_path, read_only=True) as opened:
        yield opened


def column(atlas: Atlas, table: str, name: str) -> dict[int, float]:
    """A figure by feature."""
    return dict(atlas.rows(f"SELECT feature, {name} FROM {table}"))


def test_the_planted_atlas_holds(atlas: Atlas) -> None:
    assert [finding for finding in verify(atlas) if finding.violations] == []


def test_the_concept_feature_is_first_and_alone_in_passing_every_threshold(atlas: Atlas) -> None:
    assert [row["feature"] for row in run_query(atlas, "monosemantic").to_pylist()] == [0]
    assert run_query(atlas, "candidates", {"limit": 1}).to_pylist()[0]["feature"] == 0
    (fms,) = run_query(atlas, "concept_feature").to_pylist()
    assert fms["fms_root"] == 0
    assert fms["root_place_by_auroc"] == 1
    confirmed = column(atlas, "feature_confirmation", "f1")
    assert confirmed[0] > 0.95
    assert max((feature for feature in confirmed if confirmed[feature]), key=confirmed.__getitem__) == 0


def test_the_others_are_told_apart_by_their_evidence(atlas: Atlas) -> None:
    q, coverage = column(atlas, "feature_contrast", "q"), column(atlas, "feature_evidence", "term_coverage")
    share = column(atlas, "feature_evidence", "top_token_share")
    matched = column(atlas, "feature_pair", "share_higher")
    domains = atlas.rows("SELECT domain, auroc FROM feature_domain WHERE feature = 1 ORDER BY auroc")
    assert q[0] < 1e-20
    assert domains[0][0] == "cooking", "polysemantic: the domain that it also fires on is the weakest"
    assert domains[0][1] < 0.6
    assert domains[1][1] > 0.95
    assert share[2] == 1, "a single token"
    assert coverage[2] == pytest.approx(1 / 12)
    assert coverage[0] == 1
    assert q[3] < 0.05, "punctuation follows length, and so it passes against unmatched controls"
    assert 0.3 < matched[3] < 0.7, "but not on pairs"
    assert share[3] == 1
    assert coverage[3] == 0
    assert matched[0] > 0.95
    assert {feature for feature, value in column(atlas, "feature_pair", "p").items() if value < 1e-4} == {0, 1}
    assert sorted(q, key=lambda feature: q[feature] or 1)[:3] == [0, 1, 3]


def test_dead_features_are_named(atlas: Atlas) -> None:
    assert [row["feature"] for row in run_query(atlas, "dead_features").to_pylist()] == [5]


def test_the_null_finds_nothing_and_is_beaten(atlas: Atlas) -> None:
    (found,) = run_query(atlas, "chance").to_pylist()
    assert found["shuffles"] == 40
    assert found["family_p"] == pytest.approx(1 / 41)
    assert found["max_auroc_by_chance"] < 0.75 < found["max_auroc"]
    family = column(atlas, "feature_contrast", "family_p")
    assert {feature for feature, value in family.items() if value and value == pytest.approx(1 / 41)} >= {0, 1, 3}


def scores_of(atlas: Atlas, feature: int, score: str = "max_activation") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A feature's score on every document, which are positive, which are of the confirmation half."""
    rows = atlas.rows(
        f"""
        SELECT COALESCE({score}, 0), domain = 'medicine', split = 'confirmation', coverage.tokens
        FROM document
        JOIN contrast_document USING (document)
        JOIN corpus USING (corpus)
        JOIN coverage USING (document)
        LEFT JOIN feature_document ON feature_document.document = document.document AND feature = ?
        ORDER BY document.document
        """,
        [feature],
    )
    score_, positive, confirmation, tokens = (np.array(values) for values in zip(*rows, strict=True))
    return score_ / (tokens if score == "sum_activation" else 1), positive, confirmation


@pytest.mark.parametrize("feature", [0, 1, 2, 3, 4, 6, 7])
def test_confirmation_equals_scikit_learn_on_the_halves(atlas: Atlas, feature: int) -> None:
    (row,) = atlas.arrow(f"SELECT * FROM feature_confirmation WHERE feature = {feature}").to_pylist()
    score, positive, half = scores_of(atlas, feature)
    calls = score[half] >= row["threshold"]
    expected = {
        "auroc_discovery": roc_auc_score(positive[~half], score[~half]),
        "f1_discovery": f1_score(positive[~half], score[~half] >= row["threshold"]),
        "auroc": roc_auc_score(positive[half], score[half]),
        "precision": precision_score(positive[half], calls),
        "recall": recall_score(positive[half], calls),
        "f1": f1_score(positive[half], calls),
    }
    mean, _, _ = scores_of(atlas, feature, "sum_activation")
    probe = LogisticRegression(solver="newton-cholesky", tol=1e-12, max_iter=1000)
    probe.fit(mean[~half][:, None], positive[~half])
    probed = probe.predict(mean[half][:, None])
    expected |= {"probe_weight": probe.coef_[0, 0], "probe_bias": probe.intercept_[0]}
    expected |= {"probe_accuracy": accuracy_score(positive[half], probed), "probe_f1": f1_score(positive[half], probed)}
    assert {name: row[name] for name in expected} == pytest.approx(expected, rel=1e-9, abs=1e-9)
    if row["auroc_low"] is not None:
        assert row["auroc_low"] <= row["auroc"] <= row["auroc_high"]


def test_entropies_and_shares_equal_scipy_on_the_raw_rows(atlas: Atlas) -> None:
    raw = atlas.arrow("SELECT feature, token_id, context FROM activation JOIN token USING (context, position)")
    frame = raw.to_pandas()
    for row in atlas.arrow("SELECT * FROM feature_evidence").to_pylist():
        own = frame[frame["feature"] == row["feature"]]
        counts = own["token_id"].value_counts()
        assert row["active_tokens"] == len(own)
        assert row["top_token_share"] == pytest.approx(counts.max() / len(own), rel=1e-12)
        assert counts[row["top_token"]] == counts.max()
        assert row["token_entropy"] == pytest.approx(stats.entropy(counts, base=2), abs=1e-9)
        assert row["document_entropy"] == pytest.approx(stats.entropy(own["context"].value_counts(), base=2), abs=1e-9)


def test_lifts_equal_sums_over_the_raw_tokens(atlas: Atlas) -> None:
    tokens = atlas.arrow(
        """
        SELECT document, token_id, positive, split = 'confirmation' AS later, feature, activation
        FROM token
        JOIN contrast_document ON document = context
        LEFT JOIN activation USING (context, position)
        """
    ).to_pandas()
    all_tokens = atlas.arrow(
        """
        SELECT token_id, positive, split = 'confirmation' AS later
        FROM token
        JOIN contrast_document ON document = context
        """
    ).to_pandas()
    for part, inside in (("all", all_tokens["later"] >= 0), ("discovery", ~all_tokens["later"])):
        chosen = all_tokens[inside]
        sizes = chosen["positive"].sum(), (~chosen["positive"]).sum()
        rows = atlas.arrow(f"SELECT * FROM feature_lift WHERE part = '{part}'").to_pandas().set_index("feature")
        for feature in (0, 1, 3, 4):
            own = tokens[tokens["feature"] == feature]
            chance = own["token_id"].value_counts() / all_tokens["token_id"].value_counts()
            expected = chosen["token_id"].map(chance).fillna(0)
            sided = list(zip((True, False), sizes, strict=True))
            words = [expected[chosen["positive"] == side].sum() / size for side, size in sided]
            own = own if part == "all" else own[~own["later"]]
            fires = [(own["positive"] == side).sum() / size for side, size in sided]
            mass = [own["activation"][own["positive"] == side].sum() for side in (True, False)]
            found = rows.loc[feature]
            assert found["density_positive"] == pytest.approx(fires[0])
            assert found["density_control"] == pytest.approx(fires[1])
            assert found["mass_share"] == pytest.approx(mass[0] / sum(mass), rel=1e-6)
            if fires[1]:
                assert found["lift"] == pytest.approx(fires[0] / fires[1])
                assert found["word_lift"] == pytest.approx(words[0] / words[1])
                assert found["mass_lift"] == pytest.approx(mass[0] / sizes[0] / (mass[1] / sizes[1]), rel=1e-6)
            else:
                assert np.isnan(found[["lift", "lift_high", "mass_lift"]].astype(float)).all()
                assert found["lift_low"] > 3
            assert found["density_positive_low"] <= found["density_positive"] <= found["density_positive_high"]


def test_different_tokens_are_counted_and_their_interval_leaves_out_a_group_at_a_time(atlas: Atlas) -> None:
    raw = atlas.arrow(
        """
        SELECT feature, token_id, COALESCE(template, external_id) AS member
        FROM activation
        JOIN token USING (context, position)
        JOIN document ON document = context
        """
    ).to_pandas()
    rows = atlas.arrow("SELECT * FROM feature_evidence JOIN feature_confirmation USING (contrast, sae, feature)")
    counted = [row for row in rows.to_pylist() if row["auroc_discovery"] >= 0.6]
    assert {row["feature"] for row in counted} >= {0, 1}
    assert all(row["types"] is None for row in rows.to_pylist() if row["auroc_discovery"] < 0.6)
    for row in counted:
        own = raw[raw["feature"] == row["feature"]]
        assert row["types"] == own["token_id"].nunique()
        assert row["type_share"] == pytest.approx(row["types"] / len(own))
        members = own["member"].unique()
        if len(members) < 5:
            assert row["type_share_low"] is None
            continue
        left = [own[own["member"] != member] for member in members]
        shares = np.array([part["token_id"].nunique() / len(part) for part in left])
        error = np.sqrt((len(shares) - 1) * shares.var())
        reach = stats.t.ppf(0.975, len(shares) - 1) * error
        assert row["type_share_low"] == pytest.approx(max(row["type_share"] - reach, 0))
        assert row["type_share_high"] == pytest.approx(min(row["type_share"] + reach, 1))


def test_candidates_stand_in_an_order_that_the_discovery_half_gives(atlas: Atlas) -> None:
    rows = atlas.arrow(
        """
        SELECT n.*, l.word_lift_low AS words, p
        FROM feature_confirmation AS n
        JOIN feature_contrast USING (contrast, sae, feature)
        LEFT JOIN (SELECT * FROM feature_lift WHERE part = 'discovery') AS l USING (contrast, sae, feature)
        ORDER BY place_discovery
        """
    ).to_pylist()
    assert [row["place_discovery"] for row in rows] == list(range(1, len(rows) + 1))
    keys = [
        (
            -(row["words"] or 0) if row["auroc_discovery"] >= 0.65 else 0,
            -row["auroc_discovery"],
            row["p"],
            row["feature"],
        )
        for row in rows
    ]
    assert keys == sorted(keys)
    listed = [row["feature"] for row in run_query(atlas, "candidates", {"limit": 1000}).to_pylist()]
    assert listed == [row["feature"] for row in rows]
    assert listed.index(0) < listed.index(3), "punctuation, which only follows length, stands behind"


def test_the_funnel_ends_with_what_is_listed(atlas: Atlas) -> None:
    for values in ({}, {"min_coverage": 0}, {"max_top_token": 1, "min_lift": 1, "max_control": 1, "min_word_lift": 0}):
        funnel = [row["features"] for row in run_query(atlas, "funnel", values).to_pylist()]
        assert funnel == sorted(funnel, reverse=True)
        assert funnel[-1] == run_query(atlas, "monosemantic", {**values, "limit": 1000}).num_rows
        assert funnel[-1] >= 1


def test_terms_that_are_not_marked_empty_nothing(planted_path: Path, tmp_path: Path) -> None:
    path = tmp_path / "unmarked.duckdb"
    path.write_bytes(planted_path.read_bytes())
    with open_atlas(path) as opened:
        opened.rows("UPDATE document SET term = NULL, term_start = NULL, term_end = NULL")
        compute_contrast(opened, "unmarked", ["domain=medicine"], [f"domain={d}" for d in CONTROLS])
        assert opened.rows("SELECT terms FROM sae_contrast ORDER BY contrast") == [(12,), (0,)]
        found = run_query(opened, "monosemantic", {"contrast": "unmarked"}).to_pylist()
        assert [(row["feature"], row["term_coverage"]) for row in found] == [(0, None)]


def test_pairs_equal_scipy(atlas: Atlas) -> None:
    for feature in (0, 3, 4):
        score, positive, _ = scores_of(atlas, feature)
        template = np.array([row[0] or "" for row in atlas.rows("SELECT template FROM document ORDER BY document")])
        pairs = sorted(set(template) - {""})
        sides = [np.array([score[(template == t) & side].mean() for t in pairs]) for side in (positive, ~positive)]
        expected = stats.wilcoxon(*sides, correction=True, method="asymptotic").pvalue
        assert column(atlas, "feature_pair", "p")[feature] == pytest.approx(expected, rel=1e-9)
    assert atlas.rows("SELECT pairs, terms FROM sae_contrast") == [(len(pairs), 12)]


def test_ranges_of_features_change_nothing(atlas: Atlas, tmp_path: Path) -> None:
    sentences, activations = planted()
    build_atlas(write_empty_atlas(tmp_path / "whole.duckdb"), sentences, D_SAE, activations)
    with open_atlas(tmp_path / "whole.duckdb") as whole:
        compute_contrast(whole, "medical", ["domain=medicine"], [f"domain={d}" for d in CONTROLS], shuffles=40)
        tables = ("feature_contrast", "feature_confirmation", "feature_pair", "feature_domain", "feature_evidence")
        for name in (*tables, "feature_lift", "contrast_null", "contrast_correlation", "sae_contrast"):
            sql = f"SELECT * FROM {name} ORDER BY ALL"
            for mine, theirs in zip(whole.rows(sql), atlas.rows(sql), strict=True):
                assert list(mine) == [pytest.approx(c, rel=1e-9) if isinstance(c, float) else c for c in theirs]


def test_the_order_of_ingest_changes_nothing(atlas: Atlas, tmp_path: Path) -> None:
    sentences, activations = planted()
    order = np.random.default_rng(8).permutation(len(sentences))
    mixed = [replace(sentences[old], number=int(old)) for old in order]
    place = pa.array(np.argsort(order).astype(np.int32)[activations["document"].to_numpy()])
    build_atlas(
        write_empty_atlas(tmp_path / "mixed.duckdb"), mixed, D_SAE, activations.set_column(0, "document", place)
    )
    with open_atlas(tmp_path / "mixed.duckdb") as opened:
        compute_contrast(opened, "medical", ["domain=medicine"], [f"domain={d}" for d in CONTROLS], shuffles=40)
        for name in ("feature_contrast", "feature_confirmation", "feature_pair", "feature_domain", "contrast_null"):
            sql = f"SELECT * FROM {name} ORDER BY ALL"
            for mine, theirs in zip(opened.rows(sql), atlas.rows(sql), strict=True):
                assert list(mine) == [pytest.approx(c, rel=1e-9) if isinstance(c, float) else c for c in theirs]


def test_more_shuffles_are_added_and_fewer_are_kept(planted_path: Path, tmp_path: Path) -> None:
    path = tmp_path / "atlas.duckdb"
    path.write_bytes(planted_path.read_bytes())
    sides = ["domain=medicine"], [f"domain={d}" for d in CONTROLS]
    sql = "SELECT * FROM contrast_null ORDER BY shuffle"
    with open_atlas(path) as opened:
        before = opened.rows(sql)
        for shuffles in (0, 10, 40):
            assert compute_contrast(opened, "medical", *sides, shuffles=shuffles) == []
        assert opened.rows(sql) == before
        assert compute_contrast(opened, "medical", *sides, shuffles=50) == ["planted/hook"]
        after = opened.rows(sql)
        assert after[:40] == before
        assert [row[2] for row in after] == list(range(1, 51))
        compute_contrast(opened, "medical", *sides, unit="window", shuffles=3)
        assert len(opened.rows(sql)) == 3, "another question has its own null"


def test_too_few_documents_confirm_nothing(tmp_path: Path) -> None:
    sentences, activations = planted()
    few = 14
    rows = activations.filter(pa.compute.less(activations["document"], few))
    build_atlas(write_empty_atlas(tmp_path / "few.duckdb"), sentences[:few], D_SAE, rows)
    with open_atlas(tmp_path / "few.duckdb") as opened:
        compute_contrast(opened, "medical", ["domain=medicine"], ["domain=law"], shuffles=2)
        assert opened.rows("SELECT DISTINCT auroc, f1, threshold, probe_f1 FROM feature_confirmation") == [(None,) * 4]
        assert opened.rows("SELECT fms_root, fms_1 FROM sae_contrast") == [(None, None)]
        assert [finding for finding in verify(opened) if finding.violations] == []


def test_a_silent_sae_is_contrasted_too(tmp_path: Path) -> None:
    sentences, activations = planted()
    build_atlas(write_empty_atlas(tmp_path / "silent.duckdb"), sentences, D_SAE, activations.slice(0, 0))
    with open_atlas(tmp_path / "silent.duckdb") as opened:
        compute_contrast(opened, "medical", ["domain=medicine"], ["domain=law"], shuffles=3)
        assert opened.rows("SELECT features_tested, fms_root FROM sae_contrast") == [(0, 0)]
        assert opened.rows("SELECT min_p, max_auroc, discoveries FROM contrast_null") == [(1.0, 0.5, 0)] * 3
        assert opened.rows("SELECT COUNT(*) FROM feature_contrast") == [(0,)]
        assert run_query(opened, "monosemantic").num_rows == 0
        assert [finding for finding in verify(opened) if finding.violations] == []
