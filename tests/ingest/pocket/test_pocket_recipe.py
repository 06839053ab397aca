"""The recipe of the embedded model: its parts against independent computations, and a tiny run of all of it."""

from __future__ import annotations

import gzip
import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from sae_lens import SAE
from sae_lens.saes.batchtopk_sae import BatchTopKTrainingSAE, BatchTopKTrainingSAEConfig
from sae_lens.saes.matryoshka_batchtopk_sae import (
    MatryoshkaBatchTopKTrainingSAE,
    MatryoshkaBatchTopKTrainingSAEConfig,
)
from sae_lens.saes.sae import TrainStepInput, TrainStepOutput
from sklearn.metrics import roc_auc_score
from transformers import AutoTokenizer, GPT2LMHeadModel

import ingest.pocket
from ingest.pocket.recipe import downstream
from ingest.pocket.recipe.__main__ import main
from ingest.pocket.recipe.budget import Budget, Workers, blocks_trained_at, warmdown
from ingest.pocket.recipe.card import card_sources_table
from ingest.pocket.recipe.corpus import (
    SHARE_ALIKE,
    TrainingDocument,
    expand_training_globs,
    is_training_source_share_alike,
)
from ingest.pocket.recipe.division import divide, shares_copied_from_training, two_validation_parts
from ingest.pocket.recipe.evaluate import Bigram
from ingest.pocket.recipe.fidelity import HookSums
from ingest.pocket.recipe.language_model import (
    continue_training_model_from,
    new_model,
    parameter_groups,
    training_cross_entropy,
    training_residual_stream,
    training_token_nats,
)
from ingest.pocket.recipe.meaning import Part, domain_features, trained_auroc, trained_auroc_interval
from ingest.pocket.recipe.muon import Muon, orthogonalize
from ingest.pocket.recipe.pipeline import Recipe, Source, judge_trained_release, run_recipe
from ingest.pocket.recipe.sae import train_saes
from ingest.pocket.recipe.sae_trainers import SAEConfig, Trainers, start_training_from_data
from ingest.pocket.recipe.sparse import SparseBatchTopKTrainingSAE, decode, sparse_training_features
from ingest.pocket.recipe.train import LanguageModelConfig, train_language_model
from ingest.pocket.recipe.trials import TRIALS
from ingest.pocket.recipe.windows import (
    Text,
    balanced_training_places,
    evaluation_windows,
    shuffled_batches,
    training_text,
    training_windows,
    training_word_at,
)
from ingest.sources import Document, read_documents

WORDS = {
    "medical": ["patient", "disease", "fever", "insulin", "artery", "vaccine", "tumour", "nurse", "dose", "liver"],
    "law": ["court", "statute", "plaintiff", "appeal", "judge", "contract", "tort", "verdict", "clause", "petition"],
}
DOMAINS = ("law", "medical", "travel")
TINY = LanguageModelConfig(
    d_vocab=320, d_model=32, layers=2, heads=2, context_size=16, batch=8, stages=((0.0, 1), (0.4, 2))
)
TINY_SAE = SAEConfig(blocks=(0, 1), d_sae=64, k=4.0, batch=64, buffer=256, dead_steps=4)


def documents(seed: int, count: int) -> list[dict[str, str]]:
    draw = random.Random(seed)
    rows = []
    for i in range(count):
        domain = ("medical", "law")[i % 2]
        text = " ".join(draw.choice([*WORDS[domain], "the", "of", "and"]) for _ in range(60))
        rows.append({"doc_id": f"peps:{seed}-{i}#0", "source": "python/peps", "domain": domain, "text": text + " é."})
    return rows


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    for name, rows in {"train-0": documents(0, 60), "valid-0": documents(1, 20)}.items():
        with gzip.open(folder / f"{name}.jsonl.gz", "wt", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
    return folder


@pytest.fixture(scope="module")
def recipe(corpus: Path) -> Recipe:
    source = Source((str(corpus / "train-*.jsonl.gz"),), str(corpus / "valid-0.jsonl.gz"), command="--tiny")
    return Recipe(source, Budget(tokens=4096), Budget(tokens=1500), Budget(tokens=560), TINY, TINY_SAE)


@pytest.fixture(scope="module")
def out(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recipe")
    run_recipe(recipe, folder)
    return folder


@pytest.fixture
def model() -> GPT2LMHeadModel:
    torch.manual_seed(0)
    made: Any = new_model(d_vocab=320, d_model=32, layers=2, heads=4, context_size=16)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    built: GPT2LMHeadModel = made
    return built


@pytest.fixture(scope="module")
def pocket() -> GPT2LMHeadModel:
    folder = Path(ingest.pocket.__file__).parent / "gpt2"
    loaded: GPT2LMHeadModel = GPT2LMHeadModel.from_pretrained(str(folder), dtype=torch.float32).eval()
    return loaded


def some_windows(count: int = 6) -> torch.Tensor:
    ids = torch.randint(1, 320, (count, 17), generator=torch.Generator().manual_seed(1))
    ids[:, 0] = 0
    ids[-1, 9:] = 0
    return ids


def test_a_run_leaves_folders_that_hugging_face_and_saelens_load(out: Path) -> None:
    release = out / "release"
    tokenizer = AutoTokenizer.from_pretrained(str(release / "gpt2"))
    assert tokenizer.bos_token_id == 0
    assert tokenizer.decode(tokenizer("the nurse é").input_ids) == "the nurse é"
    config = GPT2LMHeadModel.from_pretrained(str(release / "gpt2")).config
    assert (config.n_layer, config.n_positions, config.bos_token_id) == (2, 16, 0)
    for block in (0, 1):
        sae = SAE.load_from_disk(str(release / "sae" / f"blocks.{block}.hook_resid_pre"), dtype="float32")
        assert sae.cfg.architecture() == "jumprelu"
        assert (sae.cfg.d_in, sae.cfg.d_sae, sae.cfg.metadata.prepend_bos) == (32, 64, True)
        assert sae.cfg.metadata.hook_name == f"blocks.{block}.hook_resid_pre"
        torch.testing.assert_close(sae.W_dec.norm(dim=-1), torch.ones(64), rtol=1e-2, atol=1e-2)


def test_a_run_writes_its_figures_card_and_attribution(out: Path) -> None:
    figures = json.loads((out / "release" / "figures.json").read_text(encoding="utf-8"))
    assert 0 < figures["bits_per_byte"] < 8
    assert figures["tokens"] > 0
    for hook in figures["hooks"].values():
        assert hook["explained_variance"] > 0
        assert hook["l0"] > 0
        assert hook["ce_zero"] > hook["ce_clean"]
        assert [row["domain"] for row in hook["domains"]] == ["law", "medical"]
    assert figures["choosing"] == figures["judging"] == {"law": [5, 5], "medical": [5, 5]}
    card = (out / "release" / "CARD.md").read_text(encoding="utf-8")
    assert "python -m ingest.pocket.recipe --tiny" in card
    rows = json.loads((out / "trials" / "rows.json").read_text(encoding="utf-8"))
    assert [row["name"] for row in rows] == [trial.name for trial in TRIALS]
    assert rows[0]["activations"] >= 2 * rows[-1]["activations"]
    assert len({row["l0"] for row in rows}) == len(rows)
    assert all(f"| {trial.name} |" in card for trial in TRIALS)
    assert (out / "release" / "ATTRIBUTION.tsv").read_text(encoding="utf-8").count("\n") == 2


def test_the_held_out_text_is_written_for_an_ingest(recipe: Recipe, out: Path) -> None:
    read = [each for each in read_documents(str(out / "validation.jsonl")) if isinstance(each, Document)]
    held_out = recipe.source.division.held_out
    assert [document.text for document in read] == [document.text for document in held_out]
    assert [document.group for document in read] == [document.parent for document in held_out]


def test_judging_renews_the_figures_of_a_card_and_nothing_else(recipe: Recipe, out: Path) -> None:
    release = out / "release"
    card = (release / "CARD.md").read_text(encoding="utf-8")
    before, heading, after = card.partition("## Quality\n")
    (release / "CARD.md").write_text(before + heading + "old figures\n", encoding="utf-8")
    figures = judge_trained_release(recipe.source, release, Workers(1))
    assert (release / "CARD.md").read_text(encoding="utf-8").startswith(before + heading)
    assert f"{figures['bits_per_byte']:.3f} bits a byte" in after
    assert (release / "CARD.md").read_text(encoding="utf-8") == card


def test_no_parent_has_pieces_in_both_parts_and_every_domain_is_shared_out() -> None:
    draw = random.Random(0)
    pieces = [
        TrainingDocument(f"books:{domain}-{number}#{piece}", "books", domain, "text")
        for domain, parents in {"law": 3, "medical": 20, "travel": 1}.items()
        for number in range(parents)
        for piece in range(draw.randint(1, 4))
    ]
    draw.shuffle(pieces)
    choosing, judging = two_validation_parts(pieces)
    assert not {piece.parent for piece in choosing} & {piece.parent for piece in judging}
    assert sorted(map(vars_of, choosing + judging)) == sorted(map(vars_of, pieces))
    for domain, parents in {"law": 3, "medical": 20, "travel": 1}.items():
        assert len({piece.parent for piece in judging if piece.domain == domain}) == (parents + 1) // 2
    again = two_validation_parts(sorted(pieces, key=vars_of))
    assert {piece.doc_id for piece in again[1]} == {piece.doc_id for piece in judging}


def words_of(seed: int, count: int = 60) -> str:
    draw = random.Random(seed)
    return " ".join(f"w{draw.randrange(10**6)}" for _ in range(count))


def test_works_are_held_out_whole_by_their_names_and_never_more_than_a_fifth() -> None:
    train = [
        TrainingDocument(
            f"books:{domain}-{work}#{piece}", "books", domain, words_of(crc32(f"{domain}{work}#{piece}".encode()))
        )
        for domain, works in {"law": 40, "medical": 40, "travel": 9}.items()
        for work in range(works)
        for piece in range(3)
    ]
    valid = [TrainingDocument(f"held:{work}#0", "held", "medical", words_of(work)) for work in range(6)]
    division = divide(train, valid, 7)
    assert not {each.parent for each in division.training} & {each.parent for each in division.held_out}
    works = {domain: {each.parent for each in division.held_out if each.domain == domain} for domain in DOMAINS}
    assert {domain: len(found) for domain, found in works.items()} == {"law": 7, "medical": 7, "travel": 1}
    assert division.taken == 9
    assert len(division.training) + len(division.held_out) == len(train) + len(valid)
    shuffled = divide(random.Random(1).sample(train, len(train)), valid, 7)
    assert {each.doc_id for each in shuffled.held_out} == {each.doc_id for each in division.held_out}
    assert divide(train, valid, 0).training == train


def test_a_held_out_document_that_is_copied_from_the_training_text_is_in_neither_part() -> None:
    train = [TrainingDocument(f"books:law-{work}#0", "books", "law", words_of(work)) for work in range(40)]
    before = divide(train, [], 5)
    held = before.held_out[0]
    copy = TrainingDocument("copies:1#0", "copies", "tech", "Before. " + held.text.upper() + " After.")
    division = divide([*train, copy], [], 5)
    assert copy in division.training
    assert division.dropped == 1
    assert {each.doc_id for each in division.held_out} == {each.doc_id for each in before.held_out[1:]}


PIECES = ("a b c d e f g", "h i j k l m n o p", "q r s t u", "x")


@given(st.lists(st.lists(st.sampled_from(PIECES), max_size=8), min_size=1, max_size=6), st.integers(0, 6))
def test_copied_shares_are_those_of_sets_of_runs(pieces: list[list[str]], judged: int) -> None:
    texts = [" ".join(each).split() for each in pieces]

    def runs(words: list[str]) -> list[tuple[str, ...]]:
        return [tuple(words[start : start + 13]) for start in range(len(words) - 12)]

    documents = [TrainingDocument(str(number), "s", "d", " ".join(words)) for number, words in enumerate(texts)]
    seen = {run for words in texts[judged:] for run in runs(words)}
    shares = shares_copied_from_training(documents[:judged], documents[judged:])
    for words, share in zip(texts[:judged], shares, strict=False):
        own = runs(words)
        assert share == (pytest.approx(sum(run in seen for run in own) / len(own)) if own else 0.0)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=5), st.sampled_from([0.0, 0.5, 1.0]))
def test_balanced_windows_have_the_shares_asked_and_repeat_none_before_all_have_come(
    sizes: list[int], power: float
) -> None:
    domain = np.repeat(np.arange(len(sizes), dtype=np.uint8), sizes)
    places = balanced_training_places(domain, power, seed=0)
    assert len(places) == len(domain)
    wanted = np.array(sizes) ** power / (np.array(sizes) ** power).sum() * len(domain)
    drawn = np.bincount(domain[places], minlength=len(sizes))
    assert (np.abs(drawn - wanted) <= 1.0).all()
    times = np.bincount(places, minlength=len(domain))
    for name in range(len(sizes)):
        assert np.ptp(times[domain == name]) <= 1


def test_lift_is_the_ratio_of_rates_on_first_windows() -> None:
    documents = [TrainingDocument(str(number), "s", domain, "") for number, domain in enumerate(["law", "tech"])]
    text = Text(documents, np.zeros((2, 4), np.uint16), np.ones(2, bool), ["a"] * 7, np.array([0, 0, 0, 1, 1, 1, 1]))
    sums = HookSums(2, 3)
    sums.active.append(np.array([[0, 0], [1, 0], [4, 0], [2, 1]], dtype=np.int32))
    part = Part(text, sums)
    assert part.lift(0, "law") == pytest.approx((2 / 3) / (1 / 4))
    assert part.lift(1, "law") == float("inf")
    assert part.lift(1, "tech") == part.lift(2, "law") == 0.0


def vars_of(document: TrainingDocument) -> str:
    return document.doc_id


def test_a_feature_of_noise_that_was_chosen_does_not_hold() -> None:
    draw = np.random.default_rng(0)
    positive = np.repeat([True, False], 20)
    chosen, judged = draw.random((2, 40, 400))
    judged[:, 7] = chosen[:, 7] = positive + draw.random(40) / 2
    domains = np.where(positive, "medical", "law").tolist()
    found = domain_features(chosen, domains, np.zeros(400), ["medical"])[0]
    assert found.best_feature == 7
    low, high = trained_auroc_interval(judged[:, 7], positive, [f"work {i // 2}" for i in range(40)])
    assert low == high == 1.0
    noise = int(np.argmax(np.delete(trained_auroc(chosen, positive), 7)))
    low, high = trained_auroc_interval(judged[:, noise], positive, [f"work {i // 2}" for i in range(40)])
    assert low < 0.6


def test_a_second_run_does_nothing_again(recipe: Recipe, out: Path) -> None:
    weights = sorted((out / "release").rglob("*.safetensors"))
    before = [path.stat().st_mtime_ns for path in weights]
    run_recipe(recipe, out)
    assert [path.stat().st_mtime_ns for path in weights] == before


def test_an_interrupted_training_ends_with_the_same_weights(tmp_path: Path) -> None:
    windows = training_text([("law", list(range(1, 300)))] * 4, 16).windows
    config = replace(TINY, stages=((0.0, 2),), warmdown=1e-9)
    for folder, stops in {"whole": (1024,), "halved": (512, 1024)}.items():
        (tmp_path / folder).mkdir()
        for stop in stops:
            train_language_model(windows, config, Budget(tokens=stop), tmp_path / folder, seed=0, device="cpu")
    states = [torch.load(tmp_path / folder / "checkpoint.pt")["model"] for folder in ("whole", "halved")]
    for name, tensor in states[0].items():
        torch.testing.assert_close(tensor, states[1][name])


def test_an_interrupted_autoencoder_training_continues(out: Path, tmp_path: Path) -> None:
    model = GPT2LMHeadModel.from_pretrained(str(out / "release" / "gpt2"), dtype=torch.float32)
    windows = np.load(out / "windows.npz")["windows"]
    config = replace(TINY_SAE, most_density=0.1)
    first = train_saes(model, windows, config, Budget(tokens=700), tmp_path, seed=0)
    restored = Trainers(config, 32, 16, "cpu", Workers())
    restored.load(tmp_path)
    for name, trainer in first.by_hook.items():
        assert (trainer.sae.handicap > 0).any()
        torch.testing.assert_close(restored.by_hook[name].sae.handicap, trainer.sae.handicap)
    second = train_saes(model, windows, config, Budget(tokens=1500), tmp_path, seed=0)
    assert 700 <= first.tokens < 1500 <= second.tokens
    assert second.step_number * config.batch == second.tokens
    assert len(list((tmp_path / "blocks.0.hook_resid_pre").iterdir())) == 1


def test_the_last_part_of_a_budget_goes_to_whole_windows_and_its_tokens_are_counted(out: Path, tmp_path: Path) -> None:
    model = GPT2LMHeadModel.from_pretrained(str(out / "release" / "gpt2"), dtype=torch.float32)
    windows = np.load(out / "windows.npz")["windows"]
    trainers = train_saes(model, windows, replace(TINY_SAE, downstream=0.5), Budget(tokens=1000), tmp_path, seed=0)
    position = json.loads((tmp_path / "position.json").read_text(encoding="utf-8"))
    assert position["tokens"] == trainers.tokens >= 1000
    assert 512 < trainers.tokens < trainers.step_number * TINY_SAE.batch  # four windows of 15 tokens at most, not 64


def test_the_command_asks_how_long_to_train(corpus: Path, tmp_path: Path) -> None:
    arguments = [
        "--train",
        str(corpus / "train-*"),
        "--valid",
        str(corpus / "valid-0.jsonl.gz"),
        "--out",
        str(tmp_path),
    ]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert "--tokens or --minutes" in result.output


def test_the_forward_pass_is_hugging_faces(model: GPT2LMHeadModel) -> None:
    ids = some_windows()[:, :-1]
    output = model(ids, output_hidden_states=True)
    stream = training_residual_stream(model, ids)
    for ours, theirs in zip(stream[:-1], output.hidden_states[:-1], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(continue_training_model_from(model, stream[1], 1), stream[-1])


def test_loss_and_gradients_are_those_of_the_whole_logits(model: GPT2LMHeadModel) -> None:
    windows = some_windows()
    torch.autograd.backward(training_cross_entropy(model, windows))
    ours = [parameter.grad.clone() for parameter in model.parameters() if parameter.grad is not None]
    model.zero_grad()
    targets = torch.where(windows[:, 1:] == 0, -100, windows[:, 1:])
    loss = torch.nn.functional.cross_entropy(model(windows[:, :-1]).logits.flatten(0, 1), targets.flatten())
    torch.autograd.backward(loss)
    for gradient, parameter in zip(ours, model.parameters(), strict=True):
        torch.testing.assert_close(gradient, parameter.grad, rtol=1e-3, atol=1e-6)
    nats = training_token_nats(model, training_residual_stream(model, windows[:, :-1])[-1], windows[:, 1:])
    torch.testing.assert_close(nats.sum() / (windows[:, 1:] != 0).sum(), loss)


def test_mixed_precision_is_float32_but_for_rounding(model: GPT2LMHeadModel) -> None:
    windows = some_windows()
    whole = torch.autograd.grad(training_cross_entropy(model, windows), list(model.parameters()))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = training_cross_entropy(model, windows)
    rounded = torch.autograd.grad(loss, list(model.parameters()))
    torch.testing.assert_close(loss, training_cross_entropy(model, windows), rtol=1e-2, atol=0)
    for ours, exact in zip(rounded, whole, strict=True):
        assert ours.dtype == torch.float32
        assert (ours - exact).norm() <= 0.05 * exact.norm()


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_add_up_to_the_same_gradient(model: GPT2LMHeadModel, threads: int) -> None:
    windows, parameters = some_windows(), list(model.parameters())
    torch.autograd.backward(training_cross_entropy(model, windows))
    expected = [parameter.grad.clone() for parameter in parameters if parameter.grad is not None]
    model.zero_grad()
    counted = (windows[:, 1:] != 0).sum()
    before = torch.get_num_threads()
    loss = Workers(threads).backward(
        lambda rows: training_cross_entropy(model, rows) * ((rows[:, 1:] != 0).sum() / counted), windows, parameters, 2
    )
    torch.set_num_threads(before)
    assert loss == pytest.approx(float(training_cross_entropy(model, windows).detach()), rel=1e-5)
    for gradient, parameter in zip(expected, parameters, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-3, atol=1e-6)


def test_a_new_block_changes_nothing_until_it_is_trained() -> None:
    fresh = new_model(d_vocab=320, d_model=32, layers=2, heads=4, context_size=16)
    windows = some_windows()
    torch.testing.assert_close(training_cross_entropy(fresh, windows, 1), training_cross_entropy(fresh, windows, 2))


def test_muon_steps_are_orthogonal_and_spare_what_has_no_gradient(model: GPT2LMHeadModel) -> None:
    singular = torch.linalg.svdvals(orthogonalize(torch.randn(3, 16, 64)))
    assert 0.5 < float(singular.min()) <= float(singular.max()) < 1.4
    matrices, _ = parameter_groups(model)
    before = [parameter.detach().clone() for parameter, _ in matrices]
    torch.autograd.backward(training_cross_entropy(model, some_windows(), 1))
    Muon(matrices).step(0.1)
    moved = [not torch.equal(old, new) for old, (new, _) in zip(before, matrices, strict=True)]
    assert moved == [True] * 4 + [False] * 4


@pytest.mark.parametrize(
    ("dead", "k", "widths"),
    [(0, 6.0, ()), (3, 6.0, ()), (40, 6.0, ()), (3, 100.0, ()), (3, 6.0, (8, 50)), (40, 30.0, (1, 2, 127))],
)
def test_the_sparse_pass_is_saelens_own(dead: int, k: float, widths: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    shape: dict[str, Any] = {"d_in": 16, "d_sae": 128, "k": k, "aux_loss_coefficient": 0.5}
    sae: Any = SparseBatchTopKTrainingSAE(BatchTopKTrainingSAEConfig(**shape), widths)
    reference: Any = (
        MatryoshkaBatchTopKTrainingSAE(MatryoshkaBatchTopKTrainingSAEConfig(**shape, matryoshka_widths=[*widths, 128]))
        if widths
        else BatchTopKTrainingSAE(BatchTopKTrainingSAEConfig(**shape))
    )
    torch.nn.init.normal_(sae.b_enc, std=0.05)
    reference.load_state_dict({name: tensor for name, tensor in sae.state_dict().items() if name != "handicap"})
    x = torch.randn(64, 16)

    def outcome(sae: Any) -> tuple[TrainStepOutput, dict[str, torch.Tensor]]:
        output = sae.training_forward_pass(TrainStepInput(x, {}, torch.arange(128) < dead, 0, False))
        output.loss.backward()
        return output, {name: parameter.grad for name, parameter in sae.named_parameters()}

    (ours, our_gradients), (theirs, their_gradients) = outcome(sae), outcome(reference)
    torch.testing.assert_close(ours.sae_out, theirs.sae_out)
    torch.testing.assert_close(ours.loss, theirs.loss)
    torch.testing.assert_close(ours.feature_acts.to_dense(), theirs.feature_acts)
    for name, gradient in their_gradients.items():
        torch.testing.assert_close(our_gradients[name], gradient, rtol=1e-4, atol=1e-5)


def test_no_feature_fires_more_often_than_it_may_while_training_or_saved(tmp_path: Path) -> None:
    """One direction is in every token; as many features as before are active, and none on more than a tenth."""
    torch.manual_seed(0)
    common = 6 * torch.nn.functional.normalize(torch.randn(16), dim=0)

    def densities(most_density: float) -> torch.Tensor:
        shape: dict[str, Any] = {"d_in": 16, "d_sae": 128, "k": 4.0}
        sae: Any = SparseBatchTopKTrainingSAE(BatchTopKTrainingSAEConfig(**shape), (), most_density)
        for _ in range(500):
            sae.training_forward_pass(TrainStepInput(common + torch.randn(256, 16), {}, None, 0, False))
        x = common + torch.randn(4096, 16)
        training = sae.training_forward_pass(TrainStepInput(x, {}, None, 0, False)).feature_acts.to_dense()
        assert (training > 0).sum() == 4 * len(x)
        sae.fold_activation_norm_scaling_factor(2.0)
        sae.save_inference_model(tmp_path / f"{most_density}")
        saved = SAE.load_from_disk(str(tmp_path / f"{most_density}"), dtype="float32").encode(x / 2)
        both = torch.stack([(training > 0).float().mean(0), (saved > 0).float().mean(0)])
        assert float((both[1].sum() - 4).abs()) < 0.4
        return both.amax(1)

    assert densities(1.0).min() > 0.2
    assert densities(0.1).max() < 0.12


def test_divergence_and_its_gradient_are_those_of_the_whole_logits(model: GPT2LMHeadModel) -> None:
    ids = some_windows()[:, :-1]
    text = ids != 0
    with torch.no_grad():
        stream = training_residual_stream(model, ids)
        clean = model(ids).logits[text].log_softmax(-1)
    other = (stream[1][text] + 0.3 * torch.randn(int(text.sum()), 32)).requires_grad_()
    with pytest.MonkeyPatch.context() as chunks:
        chunks.setattr(downstream, "ROWS", 7)
        ours = downstream.downstream_divergence(model, stream, 1, text)(other)
        (our_gradient,) = torch.autograd.grad(ours, other)
    place = stream[1].masked_scatter(text[:, :, None], other)
    body: Any = model.transformer
    changed = model.lm_head(body.ln_f(body.h[1](place)))[text].log_softmax(-1)
    theirs = torch.nn.functional.kl_div(changed, clean, reduction="batchmean", log_target=True)
    torch.testing.assert_close(ours, theirs, rtol=1e-2, atol=1e-4)
    (their_gradient,) = torch.autograd.grad(theirs, other)
    assert (our_gradient - their_gradient).norm() <= 0.02 * their_gradient.norm()
    assert float(downstream.downstream_divergence(model, stream, 1, text)(stream[1][text]).detach()) == pytest.approx(
        0, abs=1e-3
    )


def test_the_last_part_of_a_training_brings_the_predictions_nearer(pocket: GPT2LMHeadModel) -> None:
    torch.manual_seed(0)
    ids = torch.randint(1, 8192, (12, 128))
    ids[:, 0] = 0
    config = SAEConfig(blocks=(3,), d_sae=512, k=8.0, batch=1524, lr=1e-3, warmdown=1.0)
    trainers = Trainers(config, 256, 128, "cpu", Workers())
    text = ids != 0
    with torch.no_grad():
        stream = training_residual_stream(pocket, ids)
    x, sae = stream[3][text], trainers.by_hook["blocks.3.hook_resid_pre"]
    trainers.prepare({"blocks.3.hook_resid_pre": x})

    def distance() -> float:
        scaled = sae.activation_scaler(x)
        out = sae.sae.training_forward_pass(TrainStepInput(scaled, {}, None, 0, False)).sae_out
        return float(
            downstream.downstream_divergence(pocket, stream, 3, text)(sae.activation_scaler.unscale(out)).detach()
        )

    before = distance()
    for _ in range(12):
        trainers.downstream_steps(pocket, [ids], progress=0.0)
    assert distance() < 0.9 * before


def test_features_begin_where_each_is_needed(pocket: GPT2LMHeadModel) -> None:
    torch.manual_seed(0)
    ids = torch.randint(1, 8192, (48, 128))
    with torch.no_grad():
        x = training_residual_stream(pocket, ids, 3)[3].flatten(0, 1)
    first, later = x[::2], x[1::2]

    def outcome(tied: bool) -> tuple[int, float]:
        sae: Any = SparseBatchTopKTrainingSAE(BatchTopKTrainingSAEConfig(d_in=256, d_sae=512, k=8.0))
        start_training_from_data(sae, first, ridge=0.3)
        if tied:
            sae.W_enc.data = sae.W_dec.data.T.clone()
        output = sae.training_forward_pass(TrainStepInput(later, {}, None, 0, False))
        silent = (output.feature_acts.to_dense() > 0).any(0).logical_not().sum()
        error = (output.sae_out - later).pow(2).sum() / (later - later.mean(0)).pow(2).sum()
        return int(silent), float(error.detach())

    silent, unexplained = outcome(tied=False)
    assert silent <= 2
    assert unexplained < 0.7
    assert outcome(tied=True)[0] > 10


def test_evaluation_encodes_and_decodes_as_saelens_does(out: Path) -> None:
    sae = SAE.load_from_disk(str(out / "release" / "sae" / "blocks.1.hook_resid_pre"), dtype="float32")
    x = torch.randn(40, 32)
    chosen = sparse_training_features(sae, x)
    dense = torch.zeros(40, 64)
    dense[chosen.token, chosen.feature] = chosen.value
    torch.testing.assert_close(dense, sae.encode(x), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(decode(sae, chosen, 40), sae(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("length", [1, 15, 16, 17, 40])
def test_windows_hold_every_token_once_as_a_target(length: int) -> None:
    ids = list(range(1, length + 1))
    training = training_windows(ids, 16)
    assert training.shape[1] == 17
    assert (training[:, 0] == 0).all()
    assert set(training[training != 0].tolist()) == set(ids)
    evaluation = evaluation_windows(ids, 16)
    assert evaluation[:, 1:][evaluation[:, 1:] != 0].tolist() == ids


def test_batches_begin_anywhere_as_if_all_before_had_been_drawn() -> None:
    windows = training_text([("law", list(range(1, 200)))], 16).windows
    whole, later = shuffled_batches(windows, 4, seed=3), shuffled_batches(windows, 4, seed=3, first=5)
    drawn = [next(whole) for _ in range(12)]
    for batch in drawn[5:]:
        torch.testing.assert_close(batch, next(later))


def test_the_schedule_follows_the_resource_that_is_nearer_to_its_end() -> None:
    budget = Budget(tokens=100, seconds=10.0)
    assert budget.progress(20, 5.0) == 0.5
    assert budget.progress(90, 5.0) == 0.9
    assert [warmdown(progress, 0.5) for progress in (0.0, 0.5, 0.75, 1.0)] == [1.0, 1.0, 0.5, 0.0]
    assert [blocks_trained_at(progress, ((0.0, 2), (0.5, 6))) for progress in (0.0, 0.49, 0.5)] == [2, 2, 6]
    with pytest.raises(ValueError, match="tokens or seconds"):
        Budget()


def test_the_bigram_model_is_a_distribution() -> None:
    bigram = Bigram(training_text([("law", [1, 2, 3, 1, 2, 1, 3, 2, 2, 5])], 16).windows, d_vocab=8)
    for last in range(8):
        pairs = np.array([[last, following] for following in range(1, 8)], dtype=np.uint16)
        total = np.exp(-bigram.nats(pairs)).sum()
        assert 0.5 < total <= 1.0 + 1e-9


def test_auroc_is_scikit_learns() -> None:
    draw = np.random.default_rng(0)
    values = np.maximum(draw.normal(size=(40, 5)), 0)
    positive = draw.random(40) < 0.4
    expected = [roc_auc_score(positive, values[:, feature]) for feature in range(5)]
    np.testing.assert_allclose(trained_auroc(values, positive), expected)


def test_words_are_whole() -> None:
    text = "The anti-fibrosis drug, é."
    assert training_word_at(text, 9, 14) == "fibrosis"
    assert training_word_at(text, 3, 8) == "anti"
    assert training_word_at(text, text.index(","), text.index(",") + 1) == ","


def test_no_share_alike_text_is_trained_on() -> None:
    for source, kept in {
        "pytorch/examples:wikitext-2": (),
        "amir-zeldes/gum": ("gum:GUM_news_nasa#0", "gum:GUM_court_loan#0"),
        "paultopia/conlaw_casebook": ("conlaw:unedited/zivotofsky#12",),
        "python/peps": ("peps:pep-0001#0",),
    }.items():
        dropped = [f"{prefix}x#0" for prefix in SHARE_ALIKE.get(source, ())]
        assert all(is_training_source_share_alike(TrainingDocument(doc_id, source, "", "")) for doc_id in dropped)
        assert not any(is_training_source_share_alike(TrainingDocument(doc_id, source, "", "")) for doc_id in kept)
    assert not {row["source"] for row in card_sources_table() if "BY-SA" in row["licence"]}


def test_a_pattern_without_files_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no file matches"):
        expand_training_globs([str(tmp_path / "none-*.jsonl")])
