"""`atlas circuit graph`: a planted circuit comes first; stored once, resumed, taken away with what it rests on."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from atlas.cli.main import cli
from ingest.jobs.graph import GraphRequest, graph
from ingest.jobs.ingest import IngestRequest, ingest
from ingest.jobs.progress import Progress
from ingest.jobs.reader import Reader
from ingest.jobs.remove import RemoveRequest, remove
from queries import run_query
from schema import AtlasError, open_atlas
from schema.verify import verify
from tests.made.planted_circuit import CLEAN, CORRUPTED, EARLIER, HERE, LATER, SICK, save_documents, save_planted

TABLES = ("graph", "graph_node", "graph_edge")


def rows(path: Path, sql: str) -> list[tuple[object, ...]]:
    with open_atlas(path, read_only=True) as atlas:
        return atlas.rows(sql)


def counts(path: Path) -> list[object]:
    return [rows(path, f"SELECT COUNT(*) FROM {table}")[0][0] for table in TABLES]


def wrong(path: Path) -> list[str]:
    with open_atlas(path, read_only=True) as atlas:
        return [finding.invariant for finding in verify(atlas) if finding.violations]


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """The planted model with its later and its earlier SAE."""
    model, saes = save_planted(tmp_path_factory.mktemp("planted"))
    return Reader(tuple(saes), model)


@pytest.fixture(scope="module")
def ingested(reader: Reader, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ingested")
    path = folder / "atlas.duckdb"
    sick, rain = map(str, save_documents(folder))
    ingest(IngestRequest(path, (rain, sick), reader=reader))
    return path


@pytest.fixture(scope="module")
def traced(ingested: Path, reader: Reader, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A graph of a prompt by every method, of documents, and of a next token."""
    path = Path(shutil.copy(ingested, tmp_path_factory.mktemp("traced")))
    graph(GraphRequest(path, (LATER,), texts=(CLEAN,), methods=("ablation", "gradient", "integrated"), reader=reader))
    graph(GraphRequest(path, (LATER,), documents=("sick",), limit=3, reader=reader))
    graph(GraphRequest(path, texts=(CLEAN,), token="sick", reader=reader))
    return path


def test_every_invariant_holds_and_a_rerun_is_free(traced: Path, reader: Reader) -> None:
    assert wrong(traced) == []
    before = counts(traced)
    assert before[0] == 7
    again = graph(GraphRequest(traced, (LATER,), documents=("sick",), limit=3, reader=reader))
    assert (again.new, len(again.known)) == ([], 3)
    assert counts(traced) == before


def test_a_planted_circuit_comes_first(traced: Path) -> None:
    for order in ("influence", "effect"):
        sql = f"SELECT kind, feature, position FROM graph_node WHERE graph = 0 AND level = 1 ORDER BY {order} DESC"
        assert rows(traced, sql)[0] == ("feature", EARLIER, SICK)
    with open_atlas(traced, read_only=True) as atlas:
        named = run_query(atlas, "graph_edges", {"graph": 0}).to_pylist()
    assert [(len(named),)] == rows(traced, "SELECT COUNT(*) FROM graph_edge WHERE graph = 0")
    first = next(row for row in named if row["target_feature"] == LATER)
    assert (first["source_feature"], first["source_position"], first["target_position"]) == (EARLIER, SICK, HERE)
    token = max((row for row in named if row["target_feature"] == EARLIER), key=lambda row: abs(row["weight"]))
    assert (token["source_token"].strip(), token["source_position"]) == ("sick", SICK)


def test_what_drives_a_feature_is_a_saved_query(traced: Path) -> None:
    with open_atlas(traced, read_only=True) as atlas:
        label = atlas.rows("SELECT label FROM sae WHERE hook_name LIKE '%resid_post'")[0][0]
        values = {"feature": LATER, "sae": label, "corpus": "sick/sick"}
        found = run_query(atlas, "driving_features", values).to_pylist()
        assert [(row["driving_feature"], row["prompts"], row["all_prompts"]) for row in found] == [(EARLIER, 3, 3)]
        assert found[0]["mean_effect"] > 0.5 * found[0]["mean_value"]
        other = atlas.rows("SELECT label FROM sae WHERE hook_name LIKE '%resid_pre'")[0][0]
        driven = run_query(atlas, "driven_features", {"feature": EARLIER, "sae": other}).to_pylist()
        assert (driven[0]["driven_feature"], driven[0]["graphs"]) == (LATER, 5)


def test_edges_by_gradients_are_held_against_exact_ones(traced: Path) -> None:
    found = rows(traced, "SELECT method, agreement FROM graph WHERE graph < 3 ORDER BY graph")
    assert [method for method, _ in found] == ["ablation", "gradient", "integrated"]
    assert found[0][1] is None
    assert all(isinstance(agreement, float) and -1 <= agreement <= 1 for _, agreement in found[1:])


def test_the_graph_alone_brings_the_feature_and_without_it_nothing_is_left(traced: Path) -> None:
    for faithfulness, completeness in rows(traced, "SELECT faithfulness, completeness FROM graph WHERE graph = 0"):
        assert faithfulness == pytest.approx(1, abs=0.2)
        assert completeness == pytest.approx(0, abs=0.2)


def test_prompts_that_are_passed_over_are_counted_and_do_not_count(
    ingested: Path, reader: Reader, tmp_path: Path
) -> None:
    """The feature fires on sentences with "sick" alone, which come after eight without."""
    path = Path(shutil.copy(ingested, tmp_path / "atlas.duckdb"))
    found = graph(GraphRequest(path, (LATER,), documents=("sick", "rain"), limit=2, reader=reader))
    assert (len(found.new), found.silent) == (2, 8)


def test_stopped_anywhere_the_same_command_finishes(ingested: Path, reader: Reader, tmp_path: Path) -> None:
    paths = [Path(shutil.copy(ingested, tmp_path / f"{name}.duckdb")) for name in ("one", "other")]

    def stop(progress: Progress) -> None:
        if progress.done == 2:
            raise KeyboardInterrupt

    requests = [GraphRequest(path, (LATER,), documents=("sick",), limit=4, reader=reader) for path in paths]
    with pytest.raises(KeyboardInterrupt):
        graph(requests[0], stop)
    assert wrong(paths[0]) == []
    kept = counts(paths[0])[0]
    assert kept == 2
    assert len(graph(requests[0]).known) == kept
    graph(requests[1])
    for table in TABLES[1:]:
        stored = [rows(path, f"SELECT * FROM {table} ORDER BY ALL") for path in paths]
        assert stored[0] == stored[1]


def test_what_rests_on_a_document_or_an_sae_goes_with_it(traced: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(traced, tmp_path / "atlas.duckdb"))
    remove(RemoveRequest(path, corpus="sick/sick"))
    assert (wrong(path), counts(path)[0]) == ([], 4)  # those given by hand
    label = rows(path, "SELECT label FROM sae WHERE hook_name LIKE '%resid_pre'")[0][0]
    remove(RemoveRequest(path, sae=str(label)))
    assert (wrong(path), counts(path)) == ([], [0, 0, 0])


def test_bad_input_gets_one_line(ingested: Path, atlas_copy: Path, reader: Reader) -> None:
    later, earlier = reader.saes
    planted = ["--sae", later, "--sae", earlier, "--model", str(reader.model)]
    cases = (
        (atlas_copy, ["--text", "A nurse sat"], "holds no other one beside pocket/blocks.3.hook_resid_pre"),
        (ingested, ["--text", CLEAN, "--sae", later, "--model", str(reader.model)], "name every SAE of the graph"),
        (ingested, ["--text", "sick " * 20, *planted], "a window holds 15"),
        (ingested, ["--text", CORRUPTED, "--feature", str(LATER), *planted], "fires on none of the 1 prompts"),
        (ingested, ["--text", CLEAN, "--feature", "77", *planted], "feature 77 is not in"),
        (ingested, ["--text", CLEAN, "--position", "99", *planted], "position 99 is in none of the 1 prompts"),
        (ingested, ["--text", CLEAN, "--target", "sick old", *planted], "is not one token"),
        (
            ingested,
            ["--text", CLEAN, "--feature", str(EARLIER), "--sae", earlier, *planted],
            "no SAE reads the stream before",
        ),
    )
    for path, arguments, line in cases:
        result = CliRunner().invoke(cli, ["circuit", "graph", str(path), *arguments])
        assert isinstance(result.exception, AtlasError), result.output
        assert line in str(result.exception)
        assert "\n" not in str(result.exception)


def test_the_command_says_what_it_found(ingested: Path, reader: Reader, tmp_path: Path) -> None:
    path = shutil.copy(ingested, tmp_path / "atlas.duckdb")
    saes = [part for sae in reader.saes for part in ("--sae", sae)]
    arguments = ["circuit", "graph", str(path), "--text", CLEAN, "--feature", str(LATER), *saes]
    result = CliRunner().invoke(cli, [*arguments, "--model", str(reader.model)], catch_exceptions=False)
    assert f"{path}: 1 graphs (0 to 0) in" in result.output
    assert f"feature {LATER}: driven most by feature {EARLIER} of " in result.output
