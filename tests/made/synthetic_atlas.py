"""An atlas filled by hand with planted activations: documents of one window, a token id a token, no model."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from ingest.sources import Document
from ingest.statistics.sums import sum_corpora
from schema import Atlas, open_atlas, tables

CONTEXT_SIZE = 128


@dataclass(frozen=True)
class Sentence:
    """A document to plant: its tokens, their text, where it belongs, the token that is its term."""

    tokens: Sequence[int]
    domain: str
    template: str | None = None
    term_token: int | None = None
    number: int | None = None
    """What makes its text its own; its place where there is none."""
    words: Sequence[str] | None = None
    """How its tokens are spelled; w and their number where there is none."""

    @property
    def spelled(self) -> Sequence[str]:
        """Its tokens' texts."""
        return self.words or [f"w{token}" for token in self.tokens]


def build_atlas(
    path: Path,
    sentences: Sequence[Sentence],
    d_sae: int,
    activations: pa.Table,
    top_logits: Mapping[int, Sequence[str]] | None = None,
) -> None:
    """Write an atlas of one SAE, to a new file or one without rows.

    activations have columns document (a place), position from 1, feature, activation;
    top_logits are the tokens that a feature raises most.
    """
    with open_atlas(path, create=True) as atlas:
        with atlas.transaction():
            _fill_models(atlas, d_sae, top_logits or {})
            _fill_documents(atlas, sentences)
            rows = activations.rename_columns({"document": "context"})
            atlas.append(tables.activation, rows.append_column("sae", pa.array(np.zeros(len(rows), np.int16))))
        list(sum_corpora(atlas))


def _fill(atlas: Atlas, table: str, rows: Sequence[Mapping[str, object]]) -> None:
    atlas.append(tables.metadata.tables[table], pa.Table.from_pylist(list(map(dict, rows))))


def _fill_models(atlas: Atlas, d_sae: int, top_logits: Mapping[int, Sequence[str]]) -> None:
    model = {"model": 0, "name": "planted", "architecture": "none", "n_layers": 1, "d_model": 8, "n_heads": 1}
    model |= {"n_ctx": CONTEXT_SIZE, "d_vocab": 1000, "fold_ln": False, "center_unembed": False}
    _fill(atlas, "model", [model | {"center_writing_weights": False, "weights_sha256": "a" * 64}])
    _fill(
        atlas,
        "tokenization",
        [
            {
                "tokenization": 0,
                "tokenizer": "numbers",
                "tokenizer_sha256": "b" * 64,
                "context_size": CONTEXT_SIZE,
                "prepend_bos": True,
            }
        ],
    )
    sae = {"sae": 0, "release": "planted", "sae_id": "hook", "model": 0, "tokenization": 0, "hook_name": "hook"}
    sae |= {"hook_layer": 0, "architecture": "standard", "d_in": 8, "d_sae": d_sae, "logit_weights": "plain"}
    sae |= {"pinned": "planted/hook@cccccc", "label": "planted/hook", "ordinal": 0}
    _fill(atlas, "sae", [sae | {"weights_sha256": "c" * 64}])
    moments = np.random.default_rng(5).gamma(3.0, size=(3, d_sae)).astype(np.float32)
    features = {
        "sae": np.zeros(d_sae, np.int16),
        "feature": np.arange(d_sae, dtype=np.int32),
        "decoder_norm": np.ones(d_sae, np.float32),
        "logit_mean": np.zeros(d_sae, np.float32),
        "logit_std": moments[0],
        "logit_skewness": moments[1],
        "logit_kurtosis": moments[2],
        "top_logits": pa.array(
            [json.dumps([[text, 1.0] for text in top_logits.get(feature, ())]) for feature in range(d_sae)]
        ),
        "bottom_logits": pa.array(["[]"] * d_sae),
    }
    atlas.append(tables.feature, pa.table(features))
    run = {"ingest_run": 0, "command": "ingest", "status": "done", "arguments": "{}", "versions": "{}"}
    atlas.rows(
        "INSERT INTO ingest_run BY NAME SELECT ? AS ingest_run, ? AS command, ? AS status, now() AT TIME ZONE 'UTC' AS "
        "started_at, ? AS arguments, ? AS versions, 'cpu' AS device, 0 AS documents, 0 AS documents_known, "
        "0 AS documents_skipped, 0 AS tokens, 0 AS activations",
        list(run.values()),
    )


def _corpus(key: int, domain: str) -> dict[str, object]:
    return {"corpus": key, "name": f"planted/{domain}", "domain": domain}


def _fill_documents(atlas: Atlas, sentences: Sequence[Sentence]) -> None:
    domains = list(dict.fromkeys(sentence.domain for sentence in sentences))
    _fill(atlas, "corpus", [_corpus(*numbered) for numbered in enumerate(domains)])
    documents, contexts, tokens, coverage = (list[dict[str, object]]() for _ in range(4))
    spelled: dict[int, str] = {}
    for key, sentence in enumerate(sentences):
        words = sentence.spelled
        text = " ".join([*words, f"#{key if sentence.number is None else sentence.number}"])
        starts = np.cumsum([0] + [len(word) + 1 for word in words])
        ends = [int(start) + len(word) for start, word in zip(starts, words, strict=False)]
        digest = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
        term = sentence.term_token
        document = Document(
            text=text, external_id=str(key), domain=sentence.domain, source="planted", template=sentence.template
        )
        documents.append(
            {
                "document": key,
                "corpus": domains.index(sentence.domain),
                "external_id": str(key),
                "text": text,
                "source": "planted",
                "term": None if term is None else words[term],
                "term_start": None if term is None else int(starts[term]),
                "term_end": None if term is None else ends[term],
                "template": sentence.template,
                "group_name": document.group_name,
                "content_hash": digest,
            }
        )
        size = len(words)
        context = {"context": key, "document": key, "tokenization": 0, "ordinal": 0, "tokens": size, "sampled": True}
        contexts.append({**context, "content_hash": int(digest[:15], 16)})
        for n, token in enumerate(sentence.tokens):
            place = {"context": key, "position": n + 1, "token_id": int(token), "text": words[n]}
            tokens.append({**place, "char_start": int(starts[n]), "char_end": ends[n]})
            spelled[int(token)] = words[n]
        coverage.append({"sae": 0, "document": key, "ingest_run": 0, "tokens": size, "contexts": 1, "summed": False})
    _fill(atlas, "document", documents)
    _fill(atlas, "context", contexts)
    _fill(atlas, "token", tokens)
    _fill(atlas, "coverage", coverage)
    vocabulary = [{"tokenization": 0, "token_id": token, "text": text} for token, text in sorted(spelled.items())]
    atlas.append(tables.vocabulary, pa.Table.from_pylist(vocabulary))
