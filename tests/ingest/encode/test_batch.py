"""A batch encoded: the same rows however documents are put together, and what each row says."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from ingest.encode.batch import BatchEncoder, EncodedBatch
from ingest.models.language_model import LanguageModel
from ingest.models.sae import SAE
from tests.made.tiny_models import loaded, tiny_sae

Pocket = tuple[LanguageModel, list[SAE]]
TEXTS = (
    "Asthma narrows the airways.",
    "A much longer text: the committee met on Tuesday, and then on Thursday, and nobody could say why it had to.",
    "東京 and <|endoftext|>",
    "x",
    "Tuberculosis causes a cough that lasts for weeks (1882, Koch).",
)
HASHES = tuple(f"{place:032x}" for place in range(len(TEXTS)))


@pytest.fixture(scope="module")
def encoder(pocket: Pocket) -> BatchEncoder:
    """Both SAEs, over windows of 12 tokens."""
    return BatchEncoder.of(pocket[0], [replace(sae, context_size=12) for sae in pocket[1]])


def encode(encoder: BatchEncoder, places: Sequence[int]) -> EncodedBatch:
    wanted = [[True] * len(places)] * len(encoder.saes)
    return encoder.encode([TEXTS[i] for i in places], [HASHES[i] for i in places], wanted)


def rows(encoded: EncodedBatch, sae: int, documents: Sequence[int]) -> pd.DataFrame:
    """Activations by document, ordinal, position and feature."""
    places = [
        (document, window.ordinal) for document, ws in zip(documents, encoded.windows, strict=True) for window in ws
    ]
    frame = encoded.activations[sae].to_pandas()
    owner = pd.DataFrame(places, columns=["document", "ordinal"]).iloc[frame["window"]].reset_index(drop=True)
    frame = pd.concat([owner, frame.drop(columns="window")], axis=1)
    return frame.set_index(["document", "ordinal", "position", "feature"]).sort_index()["activation"].to_frame()


def assert_same(ours: pd.DataFrame, theirs: pd.DataFrame) -> None:
    """The same activations; one at the edge of firing may be on one side only."""
    both = ours.join(theirs, how="outer", lsuffix="_ours", rsuffix="_theirs")
    edge = both.isna().any(axis=1)
    assert edge.mean() < 1e-3
    np.testing.assert_allclose(both[~edge]["activation_ours"], both[~edge]["activation_theirs"], rtol=1e-3, atol=1e-3)


def test_documents_one_at_a_time_give_the_rows_of_all_together(encoder: BatchEncoder) -> None:
    together = encode(encoder, range(5))
    for sae in (0, 1):
        apart = pd.concat([rows(encode(encoder, [i]), sae, [i]) for i in range(5)]).sort_index()
        assert_same(rows(together, sae, range(5)), apart)


def test_the_order_of_documents_does_not_matter(encoder: BatchEncoder) -> None:
    order = [3, 1, 4, 0, 2]
    for sae in (0, 1):
        assert_same(rows(encode(encoder, range(5)), sae, range(5)), rows(encode(encoder, order), sae, order))


@pytest.mark.parametrize("tokens", [1, 13, 40, 100_000])
def test_the_size_of_a_forward_pass_does_not_matter(encoder: BatchEncoder, tokens: int) -> None:
    expected = encode(encoder, range(5))
    found = encode(replace(encoder, forward_tokens=tokens), range(5))
    assert_same(rows(found, 1, range(5)), rows(expected, 1, range(5)))


def test_only_what_is_wanted_is_encoded(encoder: BatchEncoder) -> None:
    wanted = [[True, False, True, False, False], [False, False, True, True, False]]
    found = encoder.encode(TEXTS, HASHES, wanted)
    full = encode(encoder, range(5))
    assert [len(windows) for windows in found.windows] == [len(windows) for windows in full.windows]
    for sae, mask in enumerate(wanted):
        expected = rows(full, sae, range(5))
        kept = expected[expected.index.get_level_values("document").isin(np.flatnonzero(mask))]
        assert_same(rows(found, sae, range(5)), kept)


def test_nothing_wanted_gives_no_rows_of_the_right_types(encoder: BatchEncoder) -> None:
    found = encoder.encode(TEXTS, HASHES, [[False] * 5, [False] * 5])
    assert [table.num_rows for table in found.activations] == [0, 0]
    assert found.activations[0].schema == encode(encoder, range(5)).activations[0].schema


def test_rows_are_what_transformer_lens_and_saelens_give(pocket: Pocket, encoder: BatchEncoder) -> None:
    model, saes = pocket
    found = encode(encoder, [1])
    for s, sae in enumerate(saes):
        frame = found.activations[s].to_pandas()
        for place, window in enumerate(found.windows[0]):
            tokens = torch.tensor([[model.bos_token_id, *window.token_ids.tolist()]])
            with torch.inference_mode():
                _, cache = model.bridge.run_with_cache(tokens, names_filter=[sae.hook_name])
                expected = sae.module.encode(cache[sae.hook_name])[0, 1:]
            here = frame[frame["window"] == place]
            ours = np.zeros(expected.shape, np.float32)
            ours[here["position"] - 1, here["feature"]] = here["activation"]
            np.testing.assert_allclose(ours, expected.numpy(), rtol=1e-3, atol=1e-3)


def test_bos_is_run_but_has_no_row(pocket: Pocket, encoder: BatchEncoder) -> None:
    model, saes = pocket
    for table in encode(encoder, range(5)).activations:
        assert table["position"].to_numpy().min() == 1
        assert (table["activation"].to_numpy() > 0).all()
    for found, sae in zip(encoder.bos_activations(), saes, strict=True):
        with torch.inference_mode():
            tokens = torch.tensor([[model.bos_token_id, 5, 6]])
            _, cache = model.bridge.run_with_cache(tokens, names_filter=[sae.hook_name])
            expected = sae.module.encode(cache[sae.hook_name])[0, 0]
        assert found.feature.tolist() == expected.nonzero()[:, 0].tolist()
        np.testing.assert_allclose(found.activation, expected[found.feature].numpy(), rtol=1e-3, atol=1e-3)


def test_without_bos_positions_begin_at_0_and_nothing_is_said_of_bos(pocket: Pocket) -> None:
    sae = loaded(tiny_sae("standard", d_in=256), prepend_bos=False, context_size=12)
    encoder = BatchEncoder.of(pocket[0], [sae])
    found = encode(encoder, [1])
    assert max(map(len, found.windows[0])) == 12
    assert set(found.activations[0]["position"].to_pylist()) == set(range(12))
    assert [len(bos) for bos in encoder.bos_activations()] == [0]
