"""Identity: after any edits of a source, in any batches, the atlas holds what a plain model of the rules says."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atlas.cli.main import cli
from ingest.jobs.ingest import IngestRequest, IngestResult, ingest_into
from schema import Atlas, SourceError, open_atlas
from schema.verify import verify
from tests.made.identity_model import Entry, Model
from tests.made.jobs import compute_contrast, ingest_with
from tests.made.scheduling import HOOK_NAME, select
from tests.made.tiny_models import loaded, tiny_sae

Loaded = tuple[Any, list[Any]]


@pytest.fixture(scope="module")
def reader(pocket: Any) -> Loaded:
    """The embedded model under a tiny SAE."""
    module = tiny_sae("standard", d_in=pocket[0].config.d_model, d_sae=8, hook_name=HOOK_NAME)
    return pocket[0], [loaded(module, context_size=32)]


@pytest.fixture(scope="module")
def blank(empty_built: Path, tmp_path_factory: pytest.TempPathFactory, reader: Loaded) -> Path:
    """An atlas that knows the SAE, and holds no document."""
    path = Path(shutil.copy(empty_built, tmp_path_factory.mktemp("blank")))
    with open_atlas(path) as atlas:
        ingest_into(atlas, IngestRequest(path, ()), reader)
    return path


def write(path: Path, entries: Sequence[Entry]) -> str:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(entry.fields) + "\n" for entry in entries))
    return str(path)


def take_in(atlas: Atlas, source: str, reader: Loaded, batch: int, *, drop: bool) -> IngestResult:
    """An ingest into the corpora `notes/DOMAIN`, as a schedule would do it."""
    request = IngestRequest(atlas.path, (source,), stem="notes", on_error="skip", drop=drop, batch_documents=batch)
    return ingest_into(atlas, request, reader)


def holds(atlas: Atlas) -> bool:
    return not any(finding.violations for finding in verify(atlas))


HELD = "SELECT name, text, external_id, term, licence FROM document JOIN corpus USING (corpus)"

ids = st.one_of(st.none(), st.sampled_from("1234"))
entries = st.builds(
    Entry,
    text=st.sampled_from(["One cat.", "Two cats.", "Three cats.", "Four cats.", "Five cats."]),
    id=ids,
    term=st.sampled_from([None, "cat"]),
    licence=st.sampled_from([None, "CC0"]),
    domain=st.sampled_from(["x", "x", "x", "y"]),
)


@st.composite
def edited(draw: st.DrawFn, before: list[Entry]) -> list[Entry]:
    """The records of a source after an edit: renumbered, swapped, moved, deleted, repeated, changed or begun anew."""
    rows = list(before)
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, max(0, len(rows) - 1)))
        match draw(st.sampled_from(["renumber", "shift", "shuffle", "delete", "repeat", "change", "add"])):
            case "renumber" if rows:
                rows[place] = replace(rows[place], id=draw(ids))
            case "shift" if rows:
                moved = [row.id for row in rows[1:]] + [rows[0].id]
                rows = [replace(row, id=id_) for row, id_ in zip(rows, moved, strict=True)]
            case "shuffle":
                rows = draw(st.permutations(rows))
            case "delete" if rows:
                del rows[place]
            case "repeat" if rows:
                rows.insert(draw(st.integers(0, len(rows))), rows[place])
            case "change" if rows:
                rows[place] = replace(draw(entries), id=rows[place].id)
            case _:
                rows.insert(place, draw(entries))
    return rows or [draw(entries)]


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[list[Entry], int, bool]]:
    """Runs: the records of each, the size of its batches, and whether what is gone is dropped."""
    rows = draw(st.lists(entries, min_size=1, max_size=6))
    runs = []
    for _ in range(draw(st.integers(1, 4))):
        runs.append((rows, draw(st.integers(1, 7)), draw(st.booleans())))
        rows = draw(edited(rows))
    return runs


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories())
def test_the_atlas_holds_what_the_rules_say_and_counts_every_change(
    history: list[tuple[list[Entry], int, bool]], tmp_path: Path, blank: Path, reader: Loaded
) -> None:
    model = Model()
    with open_atlas(shutil.copy(blank, tmp_path / "atlas.duckdb")) as atlas:
        for rows, batch, drop in history:
            source = write(tmp_path / "notes.jsonl", rows)
            counts = take_in(atlas, source, reader, batch, drop=drop).counts
            expected = model.run(rows, drop=drop)
            assert {name: getattr(counts, name) for name in expected} == expected
            held = {(name, text): (None if ":" in id_ else id_, *rest) for name, text, id_, *rest in atlas.rows(HELD)}
            assert held == model.held
        again = take_in(atlas, source, reader, 8 - batch, drop=drop).counts
        assert (again.documents, again.updated, again.replaced, again.dropped) == (0, 0, 0, 0)
        assert holds(atlas)


NOTES = [Entry(f"Note {number} of a cat.", id=str(number)) for number in range(6)]


def run(atlas: Path, reader: Loaded, *sources: str, **options: Any) -> IngestResult:
    return ingest_with(IngestRequest(atlas, sources, batch_documents=2, **options), *reader)


def texts(atlas: Path) -> dict[str, str]:
    """Ids and texts; an id that stands for two is seen by the number of them."""
    return dict(select(atlas, "SELECT external_id, text FROM document ORDER BY document"))


def test_a_text_whose_id_moved_is_never_lost(tmp_path: Path, blank: Path, reader: Loaded) -> None:
    path, source = Path(shutil.copy(blank, tmp_path / "a.duckdb")), write(tmp_path / "notes.jsonl", NOTES)
    run(path, reader, source)
    write(tmp_path / "notes.jsonl", [replace(NOTES[0], id="99"), *NOTES[1:], Entry("A new dog.", id="0")])
    counts = run(path, reader, source).counts
    assert (counts.documents, counts.updated, counts.replaced) == (1, 1, 0)
    assert texts(path) == {**{str(n): NOTES[n].text for n in range(1, 6)}, "99": NOTES[0].text, "0": "A new dog."}


def test_an_id_on_two_texts_far_apart_names_the_first_at_every_run(tmp_path: Path, blank: Path, reader: Loaded) -> None:
    path = Path(shutil.copy(blank, tmp_path / "a.duckdb"))
    source = write(tmp_path / "notes.jsonl", [*NOTES, Entry("A dog.", id="0")])
    for new in (6, 0, 0):
        counts = run(path, reader, source, on_error="skip").counts
        assert (counts.documents, counts.skipped, counts.replaced) == (new, 1, 0)
        assert texts(path)["0"] == NOTES[0].text
    for _ in range(2):
        with pytest.raises(SourceError, match="the id '0' names two texts"):
            run(path, reader, source)


def test_older_versions_stay_where_not_all_was_read(tmp_path: Path, blank: Path, reader: Loaded) -> None:
    path, source = Path(shutil.copy(blank, tmp_path / "a.duckdb")), write(tmp_path / "notes.jsonl", NOTES)
    run(path, reader, source)
    write(tmp_path / "notes.jsonl", [Entry("A dog.", id="0"), *NOTES[1:]])
    kept = run(path, reader, source, limit=3)
    assert kept.counts.replaced == 0
    assert kept.notes == [f"1 older version of a document is kept: --limit left {source} unread, or its end"]
    assert select(path, "SELECT COUNT(*) FROM document") == [(7,)]
    assert run(path, reader, source).counts.replaced == 1
    assert select(path, "SELECT documents_replaced FROM ingest_run ORDER BY ingest_run DESC LIMIT 1") == [(1,)]
    assert texts(path)["0"] == "A dog."


def test_what_a_contrast_rests_on_is_brought_up_to_date(tmp_path: Path, blank: Path, reader: Loaded) -> None:
    path, source = Path(shutil.copy(blank, tmp_path / "a.duckdb")), tmp_path / "notes.jsonl"
    rows = [replace(note, term="cat" if number < 4 else None) for number, note in enumerate(NOTES)]
    rows += [Entry(f"Dog {number} barks.", id=f"d{number}", domain="y") for number in range(6)]
    run(path, reader, write(source, rows))
    with open_atlas(path) as atlas:
        before = atlas.rows("FROM activation ORDER BY ALL")
        compute_contrast(atlas, "cats", ["term=cat"], ["domain=y"])
        compute_contrast(atlas, "shown", ["domain=x"], ["domain=y"])
    run(path, reader, write(source, [replace(rows[0], term=None, licence="CC0"), *rows[1:]]))
    assert select(
        path, "SELECT name, documents_positive FROM sae_contrast JOIN contrast USING (contrast) ORDER BY 1"
    ) == [
        ("cats", 3),
        ("shown", 6),
    ]
    assert select(path, "FROM activation ORDER BY ALL") == before
    assert select(path, "SELECT COUNT(*) FROM document WHERE licence = 'CC0'") == [(1,)]


def test_two_data_sets_of_one_file_name_are_told_apart(tmp_path: Path, blank: Path, reader: Loaded) -> None:
    path = Path(shutil.copy(blank, tmp_path / "a.duckdb"))
    films = write(tmp_path / "films" / "train.jsonl", NOTES)
    other = write(tmp_path / "other" / "train.jsonl", [replace(note, text=f"Other {note.text}") for note in NOTES])
    run(path, reader, films)
    for sources in ((other,), (films, other)):
        with pytest.raises(SourceError, match="its id '0' names another text of corpus train/x, read from films"):
            run(path, reader, *sources, on_error="skip")
    assert texts(path) == {note.id: note.text for note in NOTES}
    assert run(path, reader, other, corpus="other").counts.documents == 6
    assert run(path, reader, other, corpus="train/x").counts.replaced == 6


def test_a_data_set_that_moved_is_the_same(tmp_path: Path, blank: Path, reader: Loaded) -> None:
    path = Path(shutil.copy(blank, tmp_path / "a.duckdb"))
    run(path, reader, write(tmp_path / "old" / "train.jsonl", NOTES))
    moved = write(tmp_path / "new" / "train.jsonl", [*NOTES[:5], Entry("A dog.", id="5")])
    counts = run(path, reader, moved).counts
    assert (counts.documents, counts.known, counts.updated, counts.replaced) == (1, 5, 0, 1)


def test_a_text_of_a_data_set_that_moved_is_replaced_where_its_domain_changes(
    tmp_path: Path, blank: Path, reader: Loaded
) -> None:
    path = Path(shutil.copy(blank, tmp_path / "a.duckdb"))
    run(path, reader, write(tmp_path / "old" / "train.jsonl", [*NOTES, Entry("A dog.")]))
    after = [*NOTES[:5], replace(NOTES[5], domain="y"), Entry("A dog.", domain="y")]
    moved = write(tmp_path / "new" / "train.jsonl", after)
    assert [run(path, reader, moved).counts.replaced for _ in range(2)] == [2, 0]
    assert select(path, "SELECT COUNT(*) FROM document") == [(7,)]


def test_a_text_that_two_folders_file_under_two_domains_is_two_documents(
    tmp_path: Path, blank: Path, reader: Loaded
) -> None:
    path = Path(shutil.copy(blank, tmp_path / "a.duckdb"))
    law = write(tmp_path / "one" / "notes.jsonl", [Entry("Take care.", domain="law")])
    medicine = write(tmp_path / "two" / "notes.jsonl", [Entry("Take care.", domain="medicine")])
    for source, new in ((law, 1), (medicine, 1), (law, 0), (medicine, 0)):
        counts = run(path, reader, source).counts
        assert (counts.documents, counts.known, counts.replaced) == (new, 1 - new, 0)
    held = "SELECT name, folder FROM document JOIN corpus USING (corpus) ORDER BY name"
    assert select(path, held) == [("notes/law", "one"), ("notes/medicine", "two")]
    write(tmp_path / "one" / "notes.jsonl", [Entry("Take care.", domain="news")])
    assert run(path, reader, law).counts.replaced == 1
    assert select(path, held) == [("notes/medicine", "two"), ("notes/news", "one")]


def test_texts_without_ids_from_two_folders_share_a_corpus_and_it_is_said_once(
    tmp_path: Path, blank: Path, reader: Loaded
) -> None:
    path = Path(shutil.copy(blank, tmp_path / "a.duckdb"))
    run(path, reader, write(tmp_path / "one" / "train.jsonl", [Entry("A cat.")]))
    second = write(tmp_path / "two" / "train.jsonl", [Entry("A dog.")])
    said = ["train/x holds documents from one and from two now; --corpus NAME keeps them apart"]
    assert [run(path, reader, second).notes for _ in range(2)] == [said, []]


def test_the_last_line_counts_every_change(tmp_path: Path, small_saes: tuple[str, ...]) -> None:
    path, source = tmp_path / "a.duckdb", tmp_path / "notes.jsonl"
    arguments = ["ingest", str(path), write(source, NOTES), "--sae", small_saes[1]]
    assert CliRunner().invoke(cli, arguments).exit_code == 0
    write(source, [Entry("A dog.", id="0"), replace(NOTES[1], licence="CC0"), NOTES[1], *NOTES[2:]])
    changed = CliRunner().invoke(cli, arguments).output.splitlines()[-1]
    assert changed.endswith("5 documents were already in it, 1 replaced, 1 brought up to date, 1 repeated")
    again = CliRunner().invoke(cli, arguments).output.splitlines()[-1]
    assert again == f"{path}: nothing new; all 6 documents are already in it, 1 repeated"


def test_numbers_are_kept_by_the_names_of_their_fields_and_brought_up_to_date(
    tmp_path: Path, blank: Path, reader: Loaded
) -> None:
    path, source = tmp_path / "atlas.duckdb", tmp_path / "notes.jsonl"
    shutil.copy(blank, path)

    def read(lines: Sequence[dict[str, object]], *fields: str) -> tuple[IngestResult, list[tuple[Any, ...]]]:
        source.write_text("".join(json.dumps(line) + "\n" for line in lines))
        result = ingest_with(IngestRequest(path, (str(source),), corpus="notes", fields=fields), *reader)
        with open_atlas(path) as atlas:
            assert holds(atlas)
            sql = "SELECT text, name, value FROM document_field JOIN document USING (document) ORDER BY ALL"
            return result, atlas.rows(sql)

    lines: list[dict[str, object]] = [{"text": "One cat.", "year": 1999}, {"text": "Two cats.", "year": "2.5e3"}]
    assert read(lines)[1] == []
    result, held = read(lines, "year")
    assert held == [("One cat.", "year", 1999.0), ("Two cats.", "year", 2500.0)]
    assert result.counts.updated == 2
    lines[0]["year"], lines[1]["year"] = 2001, None
    assert read(lines)[1] == held
    assert read(lines, "year")[1] == [("One cat.", "year", 2001.0)]
    assert read(lines, "yaer")[0].notes == ["no document has a field 'yaer' that is a number"]
    lines[0]["year"] = "soon"
    with pytest.raises(SourceError, match=r"notes.jsonl:1: field 'year' is 'soon', not a number"):
        read(lines, "year")
