"""A small atlas with planted features, built in a moment and by hand.

Two SAEs of twelve features read fifteen sentences of three corpora, whose tokens
are their words. A feature fires where its rule says so, so that every statistic
can be followed on paper. The second SAE holds the same rules three places on: one
index names two features. The text "Cancer" in a place's sentence is a trap for
the feature for diseases, and one document is long enough for two windows.
"""

import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from hashlib import blake2b
from itertools import count, product
from pathlib import Path
from typing import Any

import pyarrow as pa

from schema import Atlas, open_atlas, tables
from tests.made.tiny_associations import fill_associations
from tests.made.tiny_attributions import attribution_rows
from tests.made.tiny_circuits import circuit_rows
from tests.made.tiny_families import family_rows
from tests.made.tiny_graphs import graph_rows
from tests.made.tiny_labels import label_rows
from tests.made.tiny_quality import neighbour_rows, opposite_rows, quality_rows
from tests.made.tiny_reproduction import fill_reproduction
from tests.made.tiny_steering import steering_rows

Row = dict[str, Any]

WINDOW = 11
FEATURES = 12
TOP, PER_OCTAVE, TOP_TOKENS = 5, 2, 10
PARTS = {"all": 1.0, "discovery": 0.75, "confirmation": 1.25}
"""Of a contrast's documents, and how far a figure of each is from that of all."""
SET = {"set_size": 3, "set_bias": -1.0, "set_auroc": 0.875, "set_auroc_low": 0.75, "set_auroc_high": 1.0}
SET |= {"set_accuracy": 0.75, "set_accuracy_low": 0.625, "set_accuracy_high": 0.9375}
SET |= {"set_f1": 0.8, "set_f1_low": 0.6, "set_f1_high": 0.9}
BOS_ACTIVATIONS = {0: 12.5, 9: 30.0}
SAES = ("blocks.1.hook_resid_pre", "blocks.2.hook_resid_pre")
CORPORA = (("notes/medical", "medicine"), ("notes/control", "everyday"), ("travel/places", "geography"))

# corpus, text, term, template
DOCUMENTS = (
    (0, "Tuberculosis causes a long cough and night sweats.", "Tuberculosis", "X causes a long Y"),
    (0, "Asthma causes tight lungs after running.", "Asthma", "X causes Y after Z"),
    (0, "Lung cancer causes weight loss in many patients.", "Lung cancer", None),
    (0, "Doctors treat pneumonia with antibiotics and rest.", "pneumonia", None),
    (0, "Measles causes a red rash.", "Measles", "X causes a Y"),
    (
        0,
        "Untreated diabetes harms the kidneys, the eyes and, in time, the heart and the nerves of both feet.",
        "diabetes",
        None,
    ),
    (1, "Heavy rain causes a long delay and muddy boots.", None, "X causes a long Y"),
    (1, "Fresh yeast causes soft dough after resting.", None, "X causes Y after Z"),
    (1, "The baker sells bread, cheese and crème brûlée.", None, None),
    (1, "In 1997 the orchestra (London) played Mahler.", None, None),
    (1, "Frost causes a slippery road.", None, "X causes a Y"),
    (1, "Students read three books, two maps and one letter before lunch.", None, None),
    (2, "Lisbon lies on the river Tagus.", None, None),
    (2, "Cancer is also a tropic that crosses Mexico.", None, None),
    (2, "Nairobi grew around a railway camp in 1899.", None, None),
)

DISEASES = {"tuberculosis", "asthma", "cancer", "pneumonia", "measles", "diabetes"}
PLACES = {"lisbon", "mexico", "nairobi", "london", "tagus"}
FOOD = {"yeast", "dough", "bread", "cheese", "crème", "brûlée", "lunch"}
BODY = {"cough", "lung", "lungs", "patients", "antibiotics", "rash", "kidneys", "eyes", "heart", "nerves", "feet"}


def bare(token: str) -> str:
    """The word of a token, without case and punctuation."""
    return token.strip(" .,()").lower()


RULES: tuple[Callable[[str], float], ...] = (
    lambda token: 0.5,
    lambda token: 4.0 * (bare(token) in DISEASES),
    lambda token: 3.0 * (bare(token) == "causes"),
    lambda token: 1.0 * (token[-1] in ".,)"),
    lambda token: 2.0 * token.strip(" (")[0].isupper(),
    lambda token: 5.0 * (bare(token) in PLACES),
    lambda token: 3.5 * (bare(token) in FOOD),
    lambda token: 6.0 * bare(token).isdigit(),
    lambda token: 0.0,
    lambda token: 0.0,
    lambda token: 2.5 * (bare(token) in BODY),
    lambda token: 1.5 * (len(bare(token)) >= 8),
)


def build_tiny_atlas(path: Path) -> None:
    """Write the atlas to a new file; every sum is exact, also in 32 bits."""
    with open_atlas(path, create=True) as atlas, atlas.transaction():
        documents = _documents()
        contexts, tokens = _windows(documents)
        activations = list(_activations(tokens))
        _fill(atlas, "ingest_run", _runs(documents, tokens, activations))
        _fill(atlas, "scheduled_run", _scheduled_runs())
        _fill_models(atlas, tokens)
        corpora = [{"corpus": key, "name": name, "domain": domain} for key, (name, domain) in enumerate(CORPORA)]
        _fill(atlas, "corpus", corpora)
        _fill(atlas, "document", documents)
        _fill(atlas, "context", contexts)
        _fill(atlas, "token", tokens)
        _fill(atlas, "activation", activations)
        bos = [
            {"sae": sae, "feature": (feature + 3 * sae) % FEATURES, "activation": activation}
            for sae in range(len(SAES))
            for feature, activation in BOS_ACTIVATIONS.items()
        ]
        _fill(atlas, "bos_activation", bos)
        _fill_statistics(atlas, documents, contexts, tokens, activations)
        _fill_contrast(atlas, documents)
        fill_associations(atlas)
        fill_reproduction(atlas)
        _fill(atlas, "sae_quality", quality_rows(documents, contexts, activations, FEATURES))
        _fill(atlas, "feature_neighbour", neighbour_rows(len(SAES), FEATURES))
        _fill(atlas, "feature_opposite", opposite_rows(len(SAES), FEATURES))
        planted = attribution_rows(documents, tokens) | label_rows() | circuit_rows(documents) | steering_rows()
        planted |= family_rows(tokens, activations, FEATURES) | graph_rows(documents)
        for table, rows in planted.items():
            _fill(atlas, table, rows)


def _fill(atlas: Atlas, table: str, rows: Iterable[Row]) -> None:
    atlas.append(tables.metadata.tables[table], pa.Table.from_pylist(list(rows)))


def _documents() -> list[Row]:
    rows: list[Row] = []
    for key, (corpus, text, term, template) in enumerate(DOCUMENTS):
        start = text.index(term) if term else None
        rows.append(
            {
                "document": key,
                "corpus": corpus,
                "external_id": f"{CORPORA[corpus][0]}-{key:02}",
                "text": text,
                "source": "written for this test",
                "licence": "CC0-1.0",
                "attribution": "the authors" if corpus == 2 else None,
                "term": term,
                "term_start": start,
                "term_end": None if start is None or term is None else start + len(term),
                "template": template,
                "group_name": template,
                "content_hash": blake2b(text.encode(), digest_size=16).hexdigest(),
            }
        )
    return rows


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=7).digest(), "big")


def _windows(documents: list[Row]) -> tuple[list[Row], list[Row]]:
    contexts: list[Row] = []
    tokens: list[Row] = []
    for document in documents:
        words = _words(document["text"])
        windows = [words[start : start + WINDOW] for start in range(0, len(words), WINDOW)]
        sampled = min(range(len(windows)), key=lambda ordinal: _hash(f"{document['text']}{ordinal}"))
        for ordinal, window in enumerate(windows):
            context = {
                "context": len(contexts),
                "document": document["document"],
                "tokenization": 0,
                "ordinal": ordinal,
                "tokens": len(window),
                "sampled": ordinal == sampled,
                "content_hash": _hash(f"{document['text']}{ordinal}"),
            }
            tokens += [{"context": context["context"], "position": n, **word} for n, word in enumerate(window, start=1)]
            contexts.append(context)
    vocabulary = sorted({token["text"] for token in tokens})
    for token in tokens:
        token["token_id"] = vocabulary.index(token["text"]) + 1
    return contexts, tokens


def _words(text: str) -> list[Row]:
    """The words of a text, each with the space before it, as GPT-2's tokens have it."""
    rows: list[Row] = []
    start = 0
    for word in text.split(" "):
        end = start + len(word) + bool(start)
        rows.append({"text": text[start:end], "char_start": start, "char_end": end})
        start = end
    return rows


def _activations(tokens: list[Row]) -> Iterable[Row]:
    """What each feature gives on each token; sixteenths, so that sums are exact."""
    for sae in range(len(SAES)):
        for feature in range(FEATURES):
            rule = RULES[(feature - 3 * sae) % FEATURES]
            for token in tokens:
                strength = rule(token["text"]) * (sae + 1)
                if strength:
                    activation = strength + len(token["text"]) / 8 + token["position"] / 16
                    place = {"context": token["context"], "position": token["position"]}
                    yield {"sae": sae, "feature": feature, **place, "activation": activation}


def _runs(documents: list[Row], tokens: list[Row], activations: list[Row]) -> list[Row]:
    done = {
        "ingest_run": 0,
        "command": "ingest",
        "status": "done",
        "started_at": datetime(2026, 1, 5, 9, 30),
        "finished_at": datetime(2026, 1, 5, 9, 30, 2),
        "arguments": json.dumps({"sources": ["notes.jsonl", "travel.jsonl"]}),
        "versions": json.dumps({"python": "3.11"}),
        "device": "cpu",
        "documents": len(documents),
        "documents_known": 0,
        "documents_skipped": 0,
        "tokens": len(tokens),
        "activations": len(activations),
        "seconds": 2.0,
        "tokens_per_second": len(tokens) / 2,
        "error": None,
    }
    failed = {"ingest_run": 1, "status": "failed", "documents": 0, "tokens": 0, "activations": 0, "seconds": None}
    failed |= {"tokens_per_second": None, "error": "broken.jsonl: line 3 is not JSON", "finished_at": None}
    return [done, done | failed | {"started_at": datetime(2026, 1, 6, 8, 0, 0, 250000)}]


def _scheduled_runs() -> list[Row]:
    due = datetime(2026, 1, 5, 9, 30)
    done = {"scheduled_run": 0, "job": "notes", "planned_at": due, "started_at": due, "attempt": 1, "missed": 0}
    done |= {"finished_at": due + timedelta(seconds=3), "status": "done", "reason": None, "ingest_run": 0}
    due = datetime(2026, 1, 6, 8, 0)
    failed = {"scheduled_run": 1, "planned_at": due, "started_at": due + timedelta(seconds=1), "finished_at": None}
    failed |= {"status": "failed", "reason": "broken.jsonl: line 3 is not JSON", "ingest_run": 1}
    skipped = {"scheduled_run": 2, "job": "travel", "planned_at": due, "started_at": None, "finished_at": None}
    skipped |= {"status": "skipped", "reason": "the run before was still going on", "ingest_run": None}
    return [done, done | failed, done | skipped]


def _fill_models(atlas: Atlas, tokens: list[Row]) -> None:
    model = {"model": 0, "name": "tiny", "architecture": "GPT2LMHeadModel", "n_layers": 3, "d_model": 8, "n_heads": 2}
    model |= {"n_ctx": 32, "d_vocab": 200, "center_writing_weights": True, "fold_ln": False, "center_unembed": False}
    _fill(atlas, "model", [model | {"weights_sha256": "a" * 64}])
    tokenization = {"tokenization": 0, "tokenizer": "words", "tokenizer_sha256": "b" * 64}
    _fill(atlas, "tokenization", [tokenization | {"context_size": WINDOW + 1, "prepend_bos": True}])
    spelled = sorted({(token["token_id"], token["text"]) for token in tokens} | {(0, "<|endoftext|>")})
    _fill(atlas, "vocabulary", [{"tokenization": 0, "token_id": token_id, "text": text} for token_id, text in spelled])
    saes = [
        {
            "sae": sae,
            "release": "tiny",
            "sae_id": hook_name,
            "model": 0,
            "tokenization": 0,
            "hook_name": hook_name,
            "hook_layer": sae + 1,
            "architecture": "standard",
            "d_in": 8,
            "d_sae": FEATURES,
            "neuronpedia_id": "tiny/1-res" if sae == 0 else None,
            "logit_weights": "plain",
            "weights_sha256": str(sae) * 64,
            "pinned": f"tiny/{hook_name}@{str(sae) * 6}",
            "label": f"tiny/{hook_name}",
            "ordinal": sae,
        }
        for sae, hook_name in enumerate(SAES)
    ]
    _fill(atlas, "sae", saes)
    words = [text for _, text in spelled]
    _fill(atlas, "feature", [_feature(sae, feature, words) for sae in range(len(SAES)) for feature in range(FEATURES)])


def _feature(sae: int, feature: int, words: list[str]) -> Row:
    raised = [words[(7 * feature + 11 * sae + step) % len(words)] for step in range(6)]
    return {
        "sae": sae,
        "feature": feature,
        "log_sparsity": None if sae else -10.0 if feature == 8 else -1.0 - feature / 4,
        "decoder_norm": 1.0,
        "logit_mean": 0.0,
        "logit_std": 0.25 + (5 * feature % FEATURES) / 16,
        "logit_skewness": None if feature == 8 else (7 * feature % FEATURES) / 8 - 0.5,
        "logit_kurtosis": None if feature == 8 else 3.0 + (11 * feature % FEATURES) / 4,
        "top_logits": json.dumps([[word, 3.0 - step / 2] for step, word in enumerate(raised)]),
        "bottom_logits": json.dumps([[word, step / 2 - 3.0] for step, word in enumerate(reversed(raised))]),
    }


def _fill_statistics(
    atlas: Atlas, documents: list[Row], contexts: list[Row], tokens: list[Row], activations: list[Row]
) -> None:
    corpus_of = {row["context"]: documents[row["document"]]["corpus"] for row in contexts}
    document_of = {row["context"]: row["document"] for row in contexts}
    token_id = {(row["context"], row["position"]): row["token_id"] for row in tokens}
    read = _read(contexts, corpus_of, activations)
    _fill(atlas, "sae_corpus", read.values())
    _fill(atlas, "coverage", _coverage(contexts))
    on_document, on_corpus, on_token = (defaultdict[tuple[int, ...], list[Row]](list) for _ in range(3))
    for row in activations:
        sae, feature, context = row["sae"], row["feature"], row["context"]
        on_document[sae, feature, document_of[context]].append(row)
        on_corpus[sae, corpus_of[context], feature].append(row)
        on_token[sae, corpus_of[context], feature, token_id[context, row["position"]]].append(row)
    sampled = {row["context"] for row in contexts if row["sampled"]}
    _fill(atlas, "feature_document", (_on_document(*group, sampled) for group in on_document.items()))
    _fill(atlas, "feature_corpus", (_on_corpus(*group, read, document_of) for group in on_corpus.items()))
    _fill(atlas, "feature_token", (_on_token(*group) for group in on_token.items()))
    _fill(atlas, "feature_top_token", _top_tokens(on_token))
    _fill(atlas, "feature_histogram", (row for group in on_corpus.items() for row in _histogram(*group)))
    _fill(atlas, "feature_example", (row for group in on_corpus.items() for row in _examples(*group, contexts)))


def _read(contexts: list[Row], corpus_of: dict[int, int], activations: list[Row]) -> dict[tuple[int, int], Row]:
    read = {}
    for sae in range(len(SAES)):
        for corpus in range(len(CORPORA)):
            windows = [row for row in contexts if corpus_of[row["context"]] == corpus]
            read[sae, corpus] = {
                "sae": sae,
                "corpus": corpus,
                "documents": len({row["document"] for row in windows}),
                "contexts": len(windows),
                "tokens": sum(row["tokens"] for row in windows),
                "activations": sum(row["sae"] == sae and corpus_of[row["context"]] == corpus for row in activations),
            }
    return read


def _coverage(contexts: list[Row]) -> Iterable[Row]:
    for sae in range(len(SAES)):
        for document in range(len(DOCUMENTS)):
            windows = [row["tokens"] for row in contexts if row["document"] == document]
            counts = {"tokens": sum(windows), "contexts": len(windows)}
            yield {"sae": sae, "document": document, "ingest_run": 0, **counts, "summed": True}


def _on_document(key: tuple[int, ...], rows: list[Row], sampled: set[int]) -> Row:
    values = [row["activation"] for row in rows]
    return {
        **dict(zip(("sae", "feature", "document"), key, strict=True)),
        "max_activation": max(values),
        "sum_activation": sum(values),
        "active_tokens": len(values),
        "window_max": max((row["activation"] for row in rows if row["context"] in sampled), default=0.0),
    }


def _on_corpus(
    key: tuple[int, ...], rows: list[Row], read: dict[tuple[int, int], Row], document_of: dict[int, int]
) -> Row:
    values = [row["activation"] for row in rows]
    tokens, active = read[key[0], key[1]]["tokens"], len(values)
    mean = sum(values) / tokens
    padded = values + [0.0] * (tokens - active)
    second, third, fourth = (sum((value - mean) ** power for value in padded) / tokens for power in (2, 3, 4))
    mean_active = sum(values) / active
    return {
        **dict(zip(("sae", "corpus", "feature"), key, strict=True)),
        "documents": len({document_of[row["context"]] for row in rows}),
        "active_tokens": active,
        "max_activation": max(values),
        "mean_active": mean_active,
        **{f"m{power}_active": sum((value - mean_active) ** power for value in values) for power in (2, 3, 4)},
        "density": active / tokens,
        "mean": mean,
        "std": math.sqrt(second),
        "skewness": third / second**1.5,
        "kurtosis": fourth / second**2,
        "std_active": math.sqrt(sum((value - mean_active) ** 2 for value in values) / active),
    }


def _on_token(key: tuple[int, ...], rows: list[Row]) -> Row:
    named = dict(zip(("sae", "corpus", "feature", "token_id"), key, strict=True))
    return {**named, "active_tokens": len(rows), "sum_activation": sum(row["activation"] for row in rows)}


def _top_tokens(on_token: Mapping[tuple[int, ...], list[Row]]) -> Iterable[Row]:
    fired = defaultdict[tuple[int, int], defaultdict[int, list[float]]](lambda: defaultdict(list))
    for (sae, _, feature, token_id), rows in on_token.items():
        fired[sae, feature][token_id].extend(row["activation"] for row in rows)
    for (sae, feature), tokens in fired.items():
        ranked = sorted(tokens.items(), key=lambda token: (-len(token[1]), -sum(token[1]), token[0]))
        for rank, (token_id, values) in enumerate(ranked[:TOP_TOKENS], start=1):
            counts = {"token_id": token_id, "active_tokens": len(values), "sum_activation": sum(values)}
            yield {"sae": sae, "feature": feature, "rank": rank, **counts}


def _histogram(key: tuple[int, ...], rows: list[Row]) -> Iterable[Row]:
    named = dict(zip(("sae", "corpus", "feature"), key, strict=True))
    bins = [math.floor(8 * math.log2(row["activation"])) for row in rows]
    for number in sorted(set(bins)):
        yield {**named, "bin": number, "tokens": bins.count(number)}


def _examples(key: tuple[int, ...], rows: list[Row], contexts: list[Row]) -> Iterable[Row]:
    named = dict(zip(("sae", "corpus", "feature"), key, strict=True))
    peaks: dict[int, Row] = {}
    for row in rows:
        if row["context"] not in peaks or row["activation"] > peaks[row["context"]]["activation"]:
            peaks[row["context"]] = row
    ranked = sorted(peaks.values(), key=lambda row: (-row["activation"], row["context"]))
    octaves = defaultdict(list)
    for row in sorted(ranked, key=lambda row: contexts[row["context"]]["content_hash"]):
        octaves[math.floor(math.log2(row["activation"]))].append(row)
    chosen = [("top", rank, row) for rank, row in enumerate(ranked[:TOP], start=1)]
    for octave in octaves.values():
        chosen += [("octave", rank, row) for rank, row in enumerate(octave[:PER_OCTAVE], start=1)]
    for sampling, rank, row in chosen:
        place = {"context": row["context"], "position": row["position"], "activation": row["activation"]}
        octave_number = math.floor(math.log2(row["activation"]))
        yield {**named, "sampling": sampling, "octave": octave_number, "rank": rank, **place}


def _fill_contrast(atlas: Atlas, documents: list[Row]) -> None:
    sets = {"positive": json.dumps(["notes/medical"]), "control": json.dumps(["notes/control"])}
    _fill(atlas, "contrast", [{"contrast": 0, "name": "medical", **sets, "unit": "document"}])
    positive = [row["document"] for row in documents if row["corpus"] == 0]
    control = [row["document"] for row in documents if row["corpus"] == 1]
    halved = {0: 0, 6: 0, 1: 1, 7: 1, 4: 0, 10: 0}  # the templates of both sides
    discovery = [key for key in (*positive, *control) if halved.get(key, key % 2) == 0]
    for sae in range(len(SAES)):
        rows = [row for feature in range(FEATURES) if (row := _contrasted(atlas, sae, feature, positive, control))]
        tested = _correct(rows)
        _keep_as_the_study(rows)
        counts = {"documents_positive": len(positive), "documents_control": len(control), "features_tested": tested}
        counts |= {
            f"discovery_{side}": len({*keys} & {*discovery})
            for side, keys in (("positive", positive), ("control", control))
        }
        counts |= {"pairs": 3, "terms": 6, "groups_positive": 6, "groups_control": 6} | _lengths(positive, control)
        _fill(
            atlas,
            "sae_contrast",
            [{"contrast": 0, "sae": sae, **counts, **_fms(sae), **SET, "documents_hash": "c" * 32}],
        )
        _fill(atlas, "contrast_document", _compared(sae, positive, control, discovery))
        _fill(atlas, "feature_contrast", rows)
        ranked = sorted(rows, key=lambda row: (-row["auroc"], row["p"], row["feature"]))
        _fill(
            atlas,
            "feature_confirmation",
            (_confirmed(row) | {"place_discovery": ranked.index(row) + 1} for row in rows),
        )
        _fill(atlas, "feature_pair", filter(None, (_paired(atlas, row) for row in rows)))
        _fill(atlas, "feature_domain", (_against_domain(row) for row in rows if row["q"] is not None))
        _fill(atlas, "feature_evidence", (_evidence(atlas, row) for row in rows))
        lifted = (_lifted(atlas, row, part) for row in rows if row["q"] is not None for part in PARTS)
        _fill(atlas, "feature_lift", lifted)
        _fill(atlas, "contrast_set", _together(sae))
        _fill(atlas, "contrast_null", (_shuffled(sae, shuffle) for shuffle in range(1, 25)))
        _fill(atlas, "contrast_correlation", _correlations(sae))


def _lengths(positive: list[int], control: list[int]) -> Row:
    found = {"length_p": 0.75}
    for side, keys in (("positive", positive), ("control", control)):
        sizes = sorted(len(DOCUMENTS[key][1].split(" ")) for key in keys)
        for name, place in (("q1", 1.25), ("median", 2.5), ("q3", 3.75)):
            low = int(place)
            found[f"length_{side}_{name}"] = sizes[low] + (place - low) * (sizes[low + 1] - sizes[low])
    return found


def _compared(sae: int, positive: list[int], control: list[int], discovery: list[int]) -> Iterable[Row]:
    for key in (*positive, *control):
        split = "discovery" if key in discovery else "confirmation"
        place = {"contrast": 0, "sae": sae, "document": key, "positive": key in positive, "split": split}
        yield place | {"tokens": len(DOCUMENTS[key][1].split(" "))}


def _named(row: Row) -> Row:
    return {name: row[name] for name in ("contrast", "sae", "feature")}


def _fms(sae: int) -> Row:
    """FMS of the first SAE with round parts; the second one is without."""
    names = ["fms_root", "fms_accuracy", "fms_local_1", "fms_local_5", "fms_global", "fms_1", "fms_5", "fms_chance"]
    names += [f"fms_{name}_{end}" for name in ("accuracy", "1", "5") for end in ("low", "high")]
    values = (1, 0.75, 0.25, 0.5, 1.0, 0.46875, 0.5625)
    return (
        dict.fromkeys(names)
        if sae
        else dict(zip(names, (*values, 0.5, 0.5, 1.0, 0.25, 0.75, 0.25, 0.875), strict=True))
    )


def _confirmed(row: Row) -> Row:
    """What a half of such a contrast might have shown; too small a one has no interval and no verdict."""
    hits, misses = row["fires_positive"], row["fires_control"]
    known = hits + misses >= 5
    verdict = {
        "auroc_low": max(0.0, row["auroc"] - 0.125),
        "auroc_high": min(1.0, row["auroc"] + 0.125),
        "precision": hits / max(1, hits + misses),
        "recall": hits / 6,
        "f1": 2 * hits / (hits + misses + 6),
        "probe_weight": row["mean_difference"],
        "probe_bias": -0.5,
        "probe_accuracy": (hits + 6 - misses) / 12,
        "probe_f1": 2 * hits / (hits + misses + 6),
    }
    found = {"auroc_discovery": row["auroc"], "threshold": 1.5, "f1_discovery": 0.5, "auroc": row["auroc"]}
    found |= {"fires_discovery": (hits + misses) // 2, "p_discovery": row["p"], "q_discovery": row["q"]}
    found |= {f"study_{side}_discovery": row[f"study_{side}"] for side in ("positive", "control")}
    found |= {"study_kept_discovery": row["study_kept"]}
    return _named(row) | found | {name: value if known else None for name, value in verdict.items()}


def _maxima(atlas: Atlas, row: Row) -> dict[int, float]:
    sql = "SELECT document, max_activation FROM feature_document WHERE sae = ? AND feature = ?"
    return dict(atlas.duckdb.execute(sql, [row["sae"], row["feature"]]).fetchall())


def _paired(atlas: Atlas, row: Row) -> Row | None:
    """The three templates of both sides: documents 0 and 6, 1 and 7, 4 and 10."""
    maxima = _maxima(atlas, row)
    differences = [maxima.get(one, 0.0) - maxima.get(other, 0.0) for one, other in ((0, 6), (1, 7), (4, 10))]
    higher, lower = sum(value > 0 for value in differences), sum(value < 0 for value in differences)
    if not higher + lower:
        return None
    counts = {"higher": higher, "lower": lower, "share_higher": (3 + higher - lower) / 6}
    return _named(row) | counts | {"p": 1 / (higher + 1), "q": 0.5 if higher == 3 else None}


def _against_domain(row: Row) -> Row:
    """The controls are of one domain."""
    fires = row["fires_control"]
    counts = {"domain": "everyday", "documents": 6, "fires": fires, "auroc": row["auroc"]}
    return _named(row) | counts | {"documents_confirmation": 3, "called": fires // 2}


def _evidence(atlas: Atlas, row: Row) -> Row:
    sql = (
        "SELECT token_id, SUM(active_tokens) FROM feature_token WHERE sae = ? AND feature = ? AND corpus < 2 GROUP BY 1"
    )
    counted = dict(atlas.duckdb.execute(sql, [row["sae"], row["feature"]]).fetchall())
    total = sum(counted.values())
    top = min(counted, key=lambda token: (-counted[token], token))
    shares = [count / total for count in counted.values()]
    terms = min(6, row["fires_positive"]) if row["fires_positive"] > row["fires_control"] else 0
    return _named(row) | {
        "active_tokens": total,
        "top_token": top,
        "top_token_share": counted[top] / total,
        "token_entropy": -sum(share * math.log2(share) for share in shares) + 0.0,
        "document_entropy": math.log2(row["fires_positive"] + row["fires_control"]),
        "terms": terms,
        "term_coverage": terms / 6,
        "types": len(counted),
        "type_share": len(counted) / total,
        "type_share_low": None,
        "type_share_high": None,
    }


def _together(sae: int) -> Iterable[Row]:
    for rank, (feature, weight, copies) in enumerate(((1, 1.5, 2), (10, 0.75, 0), (3, -0.25, 1)), start=1):
        weights = {"weight": weight, "weight_standard": weight / 2, "entered": 1 + rank % 3, "copies": copies}
        yield {"contrast": 0, "sae": sae, "rank": rank, "feature": (feature + 3 * sae) % FEATURES, **weights}


def _lifted(atlas: Atlas, row: Row, part: str) -> Row:
    """Lifts over all documents, and as each half might have shown them."""
    sql = "SELECT document, active_tokens, sum_activation FROM feature_document WHERE sae = ? AND feature = ?"
    fired = {key: held for key, *held in atlas.duckdb.execute(sql, [row["sae"], row["feature"]]).fetchall()}
    tokens = [sum(len(text.split(" ")) for corpus, text, *_ in DOCUMENTS if corpus == side) for side in (0, 1)]
    active, mass = (
        [sum(held[n] for key, held in fired.items() if DOCUMENTS[key][0] == side) for side in (0, 1)] for n in (0, 1)
    )
    density = [n / size for n, size in zip(active, tokens, strict=True)]
    rates = [n / size for n, size in zip(mass, tokens, strict=True)]
    lift = density[0] / density[1] if density[1] else None
    figures = {
        "density_positive": density[0],
        "density_control": density[1],
        "lift": lift,
        "word_lift": lift and lift * PARTS[part],
        "mass_lift": rates[0] / rates[1] if rates[1] else None,
        "mass_share": mass[0] / sum(mass),
    }
    low = {f"{name}_low": 4.0 if value is None else value / 2 for name, value in figures.items()}
    high = {f"{name}_high": value and value * 2 for name, value in figures.items() if name != "mass_share"}
    return _named(row) | {"part": part, "mass_share_high": 1.0} | figures | low | high


def _shuffled(sae: int, shuffle: int) -> Row:
    found = {"min_p": shuffle / 64, "max_auroc": 0.5 + shuffle / 64, "discoveries": int(shuffle == 8)}
    found |= {"min_q": 0.03125 if shuffle == 8 else 0.25}
    return {"contrast": 0, "sae": sae, "shuffle": shuffle, "seed": 20, **found}


def _correlations(sae: int) -> Iterable[Row]:
    moments, evidence = ("logit_std", "logit_skewness", "logit_kurtosis"), ("token_entropy", "top_token_share", "f1")
    for number, (moment, measure) in enumerate(product(moments, evidence)):
        rho = (number - 4) / 8
        found = {"features": 7, "clusters": 6, "rho": rho, "low": max(-1.0, rho - 0.25), "high": min(1.0, rho + 0.25)}
        yield {
            "contrast": 0,
            "sae": sae,
            "moment": moment,
            "evidence": measure,
            **found,
            "rho_given_frequency": rho / 2 if number else None,
            "low_given_frequency": rho / 2 - 0.1875 if number else None,
            "high_given_frequency": rho / 2 + 0.1875 if number else None,
        }


def _contrasted(atlas: Atlas, sae: int, feature: int, positive: list[int], control: list[int]) -> Row | None:
    cursor = atlas.duckdb.execute(
        "SELECT document, max_activation, sum_activation FROM feature_document WHERE sae = ? AND feature = ?",
        [sae, feature],
    )
    fired: dict[int, tuple[float, float]] = {row[0]: (row[1], row[2]) for row in cursor.fetchall()}
    if not fired.keys() & {*positive, *control}:
        return None
    tokens = [len(text.split(" ")) for _, text, _, _ in DOCUMENTS]
    windows = [math.ceil(size / WINDOW) for size in tokens]
    bos = BOS_ACTIVATIONS.get((feature - 3 * sae) % FEATURES, 0.0)

    def mean(group: list[int], *, with_bos: bool) -> float:
        sums = {key: fired.get(key, (0.0, 0.0))[1] + with_bos * bos * windows[key] for key in group}
        return sum(sums[key] / (tokens[key] + with_bos * windows[key]) for key in group) / len(group)

    maxima = [[fired.get(key, (0.0, 0.0))[0] for key in group] for group in (positive, control)]
    plain = [mean(group, with_bos=False) for group in (positive, control)]
    study = [mean(group, with_bos=True) for group in (positive, control)]
    auroc, p = _rank_sum(*maxima)
    return {
        "contrast": 0,
        "sae": sae,
        "feature": feature,
        "fires_positive": sum(value > 0 for value in maxima[0]),
        "fires_control": sum(value > 0 for value in maxima[1]),
        "mean_positive": plain[0],
        "mean_control": plain[1],
        "mean_difference": plain[0] - plain[1],
        "study_positive": study[0],
        "study_control": study[1],
        "study_difference": study[0] - study[1],
        "auroc": auroc,
        "auroc_length": auroc,
        "p_length": p,
        "p": p,
        "q": None,
        "family_p": None,
        "fisher_p": _fisher(*(sum(value > 0 for value in group) for group in maxima)),
    }


def _fisher(hits: int, misses: int) -> float:
    """Fisher's exact p of hits and misses in six documents each."""
    chances = {n: math.comb(6, n) * math.comb(6, hits + misses - n) for n in range(hits + misses + 1)}
    return sum(chance for chance in chances.values() if chance <= chances[hits]) / sum(chances.values())


def _rank_sum(positive: list[float], control: list[float]) -> tuple[float, float]:
    """AUROC by counting pairs, and its two-sided p with tie and continuity correction."""
    pairs = [(first > second) + (first == second) / 2 for first in positive for second in control]
    n, m, total = len(positive), len(control), len(positive) + len(control)
    pooled = positive + control
    ties = sum(pooled.count(value) ** 3 - pooled.count(value) for value in set(pooled))
    deviation = math.sqrt(n * m / 12 * (total + 1 - ties / (total * (total - 1))))
    distance = max(0.0, abs(sum(pairs) - n * m / 2) - 0.5)
    return sum(pairs) / (n * m), math.erfc(distance / deviation / math.sqrt(2)) if deviation else 1.0


def _correct(rows: list[Row]) -> int:
    """Benjamini-Hochberg over the features that fire in at least five documents; how many these are."""
    tested = sorted(
        (row for row in rows if row["fires_positive"] + row["fires_control"] >= 5), key=lambda row: row["p"]
    )
    lowest = 1.0
    for rank, row in zip(count(len(tested), -1), reversed(tested), strict=False):
        lowest = min(lowest, row["p"] * len(tested) / rank)
        row["q"] = lowest
        row["family_p"] = (1 + sum(_shuffled(0, shuffle)["min_p"] <= row["p"] for shuffle in range(1, 25))) / 25
    return len(tested)


def _keep_as_the_study(rows: list[Row]) -> None:
    favoured = [row["study_difference"] for row in rows if row["study_positive"] > 0 and row["study_difference"] > 0]
    mean = sum(favoured) / len(favoured)
    spread = 2 * math.sqrt(sum((value - mean) ** 2 for value in favoured) / (len(favoured) - 1))
    for row in rows:
        row["study_kept"] = row["study_difference"] > 0 and abs(row["study_difference"] - mean) <= spread
