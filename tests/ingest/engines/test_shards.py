"""What goes between machines: documents and what they are encoded to come back as they were sent."""

from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ingest.encode.batch import BatchEncoder, EncodedBatch
from ingest.engines import encode_plan
from ingest.engines.shards import (
    DOCUMENTS,
    ENCODED,
    Shards,
    batch_name,
    documents_table,
    encoded_of,
    encoded_table,
    plan_of_shard,
)
from ingest.rows.batches import Plan
from ingest.rows.source_records import Record
from ingest.sources import Document
from schema import SourceError

if TYPE_CHECKING:
    from ingest.models.language_model import LanguageModel
    from ingest.models.sae import SAE

TEXTS = ("Asthma narrows the airways.", "<|endoftext|> is text: \U0001f9ec 'x' \"y\" \\", "word " * 150)


def said(text: str, corpus: str = "notes") -> Record:
    document = Document(
        f"id {text[:5]}",
        text,
        "general",
        "a 'source'",
        licence="CC0",
        term="word" if text.startswith("word") else None,
        term_start=0 if text.startswith("word") else None,
        term_end=4 if text.startswith("word") else None,
        fields=(("year", 1999.5), ("age", None)),
        identified=True,
    )
    return Record(document, corpus, "notes.jsonl", family=None, folder="../data")


def planned(*wanted: list[bool], corpus: str = "notes") -> Plan:
    nothing = [False] * len(TEXTS)
    return Plan([said(text, corpus) for text in TEXTS], [None] * len(TEXTS), nothing, list(wanted), nothing)


def test_documents_come_back_as_they_were_sent() -> None:
    plan = planned([True, False, True], [False, True, True])
    found = plan_of_shard(documents_table(plan))
    assert (found.records, found.wanted) == (plan.records, plan.wanted)
    assert [each.document.sourced for each in found.records] == [each.document.sourced for each in plan.records]


def test_a_name_is_of_all_that_decides_what_is_encoded() -> None:
    every = [True] * 3
    names = [
        batch_name(planned(every, every), "a"),
        batch_name(planned(every, every), "b"),
        batch_name(planned(every, [True, True, False]), "a"),
        batch_name(planned(every, every, corpus="other"), "a"),
    ]
    assert len(set(names)) == len(names)
    assert batch_name(planned(every, every), "a") == names[0]


def rows(encoded: EncodedBatch) -> list[list[dict[str, float]]]:
    return [
        sorted(table.to_pylist(), key=lambda row: (row["window"], row["position"], row["feature"]))
        for table in encoded.activations
    ]


def test_what_is_encoded_comes_back_in_a_file(tmp_path: Path, pocket: "tuple[LanguageModel, list[SAE]]") -> None:
    model, saes = pocket
    plan = planned([True] * 3, [True, False, True])
    sent = encode_plan(BatchEncoder.of(model, saes), plan)
    assert sent is not None
    shards = Shards(str(tmp_path / "it's [here]*"))
    shards.write(ENCODED, "one", encoded_table(sent))
    found = encoded_of(shards.read(ENCODED, "one"), len(saes))
    assert rows(found) == rows(sent)
    assert [len(parts) for parts in found.windows] == [len(parts) for parts in sent.windows] == [1, 1, 2]
    for ours, theirs in zip(chain(*found.windows), chain(*sent.windows), strict=True):
        assert (ours.ordinal, ours.content_hash) == (theirs.ordinal, theirs.content_hash)
        for name in ("token_ids", "char_start", "char_end"):
            np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
            assert getattr(ours, name).dtype == np.int32


def test_files_are_whole_or_absent_and_go_when_they_are_loaded(tmp_path: Path) -> None:
    shards = Shards(f"file://{tmp_path}/shards")
    table = documents_table(planned([True] * 3))
    assert not shards.holds(DOCUMENTS, "one")
    for _ in range(2):
        shards.write(DOCUMENTS, "one", table)
    assert shards.read(DOCUMENTS, "one").equals(table)
    assert [path.name for path in (tmp_path / "shards/documents").iterdir()] == ["one.parquet"]
    shards.remove("one")
    shards.remove("one")
    assert not shards.holds(DOCUMENTS, "one")
    (tmp_path / "shards/documents/two.parquet.0af").touch()
    shards.clear()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "documents").mkdir()
    given = [Shards.of(tmp_path / name, f"{tmp_path}") for name in ("a.duckdb", "b.duckdb")]
    for each in given:
        each.write(DOCUMENTS, "one", table)
    given[0].clear()
    assert given[1].holds(DOCUMENTS, "one")
    assert (tmp_path / "documents").is_dir()
    with pytest.raises(SourceError, match="nothing://here is no address"):
        Shards("nothing://here").holds(DOCUMENTS, "one")
