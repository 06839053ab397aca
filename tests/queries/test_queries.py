"""The saved queries: headers, parameters, golden results, and the same rows on DuckDB and on published SQLite."""

import json
import re
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import atlas.site.pages
import queries
from queries import GROUPS, find_query, run_query, saved_queries
from queries.parameters import parse_parameter, query_placeholders, replace_query_placeholders
from queries.saved import parse_query
from schema import Atlas, QueryError, SelectionError, open_atlas
from tests.made.empty_atlas import write_empty_atlas

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
FOLDER = Path(queries.__file__).parent
TABLE = re.compile(r"\w+ AS (\(\n(?:    [^\n]*\n){6,}\))")
"""A common table of six lines or more, without its name."""
SECOND_SAE = "tiny/blocks.2.hook_resid_pre"

CASES: dict[str, list[dict[str, str | int | float]]] = {
    "associations": [{}, {"sae": SECOND_SAE}],
    "attention_differences": [{}, {"sae": SECOND_SAE, "contrast": "medical", "max_q": 0.2, "limit": 3}],
    "attention_heads": [{"limit": 4}, {"corpus": "travel/places", "limit": 3}],
    "attention_pairs": [{"limit": 3}, {"direct_attribution": 1, "query": 2, "source": 1}],
    "bos_effect": [{"limit": 4}, {"sae": SECOND_SAE, "limit": 3}],
    "candidates": [{"sae": "tiny/blocks.1.hook_resid_pre"}, {"max_q": 0.05, "limit": 3}],
    "candidates_compared": [{"max_q": 0.5}, {"sae": SECOND_SAE, "limit": 2}],
    "chance": [{}, {"sae": SECOND_SAE}],
    "class_features": [{"classes": "domains", "sae": "tiny/blocks.1.hook_resid_pre"}, {"max_q": 0.5, "limit": 2}],
    "cluster_features": [{"cluster": 0}, {"cluster": 1, "sae": SECOND_SAE, "limit": 2}],
    "clusterings": [{}, {"sae": SECOND_SAE}],
    "clusters": [{}, {"sae": SECOND_SAE}, {"measure": "jaccard"}],
    "coactive_features": [{"feature": 1}, {"feature": 4, "sae": SECOND_SAE}],
    "compare_features": [
        {"feature": 1, "other_feature": 10},
        {"feature": 6, "other_feature": 6, "other_sae": SECOND_SAE},
    ],
    "concept_feature": [{}],
    "contrast_summary": [{}],
    "corpora_compared": [{"limit": 6}, {"corpus": "travel/places", "other_corpus": "notes/control", "limit": 3}],
    "corpus_summary": [{}, {"sae": SECOND_SAE}],
    "dead_features": [{}, {"corpus": "travel/places", "sae": SECOND_SAE}],
    "densest_features": [{"limit": 6}, {"corpus": "notes/medical", "limit": 3}],
    "direct_parts": [{"feature": 1}, {"feature": 4, "sae": SECOND_SAE, "limit": 5}],
    "direct_values": [{"limit": 6}, {"direct_attribution": 2, "limit": 4}],
    "domain_specificity": [{"features": 3}, {"sae": SECOND_SAE, "limit": 2}],
    "driven_features": [{"feature": 1}, {"feature": 4, "sae": SECOND_SAE}],
    "driving_features": [
        {"feature": 4, "sae": SECOND_SAE},
        {"feature": 4, "sae": SECOND_SAE, "corpus": "notes/medical", "limit": 1},
        {"feature": 4, "sae": SECOND_SAE, "min_share": 0.3},
    ],
    "explanations": [{}, {"question": "feature", "text": "ASTHMA", "limit": 2}],
    "feature_card": [{"feature": 1}, {"feature": 8}, {"feature": 3, "sae": SECOND_SAE}],
    "feature_classes_each": [{"feature": 1}, {"feature": 8, "sae": SECOND_SAE}],
    "feature_documents": [{"feature": 1}, {"feature": 6, "sae": SECOND_SAE, "corpus": "travel/places"}],
    "feature_histogram": [{"feature": 4}, {"feature": 4, "corpus": "travel/places"}],
    "feature_labels": [{"feature": 1}, {"feature": 4, "sae": SECOND_SAE}],
    "feature_set": [{}, {"sae": SECOND_SAE}],
    "feature_sentences": [{"feature": 1}, {"feature": 6, "limit": 2}],
    "feature_terms": [{"feature": 10}, {"feature": 4, "sae": SECOND_SAE}],
    "feature_tokens": [{"feature": 2}, {"feature": 0, "corpus": "notes/medical", "limit": 5}],
    "feature_values": [{"explanation": 7}, {"explanation": 9, "limit": 2}],
    "features_for_token": [{"token": " cancer"}, {"token": "THE", "limit": 3}, {"token": " a", "sae": SECOND_SAE}],
    "features_for_word": [{"word": "Cancer"}, {"word": "lung cancer", "limit": 3}, {"word": "eat"}],
    "features_that_move": [{}, {"min_prompts": 2, "limit": 3}],
    "features_together": [{"feature": 1}],
    "funnel": [{}, {"sae": SECOND_SAE, "min_lift": 1, "max_control": 1}],
    "gradient_agreement": [{}],
    "graph_edges": [{"graph": 0}, {"graph": 3, "limit": 3}],
    "graphs": [{}, {"to_feature": 4, "method": "gradient"}],
    "hypothesis": [{}, {"sae": SECOND_SAE}],
    "ingest_runs": [{}, {"status": "failed"}],
    "label_quality": [{}, {"sae": SECOND_SAE}],
    "labels_borne_out": [{"limit": 3}, {"negatives": "neighbour"}, {"method": "oai_token-act-pair", "limit": 2}],
    "labels_contradicted": [{}, {"min_firing": 9}],
    "labels_for_words": [{"words": "DISEASE"}, {"words": "meas asth", "limit": 1}, {"words": "(.*)"}],
    "labels_of_domains": [
        {"features": 2, "max_density": 1},
        {"sae": SECOND_SAE, "min_documents": 1, "max_density": 0.1},
    ],
    "labels_untested": [{}, {"sae": SECOND_SAE}],
    "logit_extremes": [{"limit": 3}, {"measure": "skewness", "direction": "lowest", "sae": SECOND_SAE, "limit": 3}],
    "map_points": [{}, {"sae": SECOND_SAE}],
    "matched_controls": [{"max_q": 0.9}, {"limit": 2}],
    "monosemantic": [
        {"sae": "tiny/blocks.1.hook_resid_pre"},
        {"max_q": 1, "min_f1": 0.4, "min_auroc": 0.5, "min_confirmed": 0.5, "min_coverage": 0, "max_control": 1},
    ],
    "nearest_features": [
        {"feature": 1},
        {"feature": 11, "sae": SECOND_SAE, "limit": 2},
        {"feature": 1, "direction": "opposite"},
    ],
    "patch_map": [{"limit": 9}, {"patch_pair": 1, "kind": "feature"}, {"patch_pair": 3, "kind": "z", "limit": 4}],
    "patched_heads": [{"feature": 1}, {"feature": 4, "sae": SECOND_SAE, "kind": "z"}],
    "patched_pairs": [{"feature": 1}, {"feature": 4, "sae": SECOND_SAE, "limit": 2}],
    "printed_number": [{"number": 6}, {"number": 12}],
    "prompt_filter_counts": [{}],
    "runs_over_time": [{}, {"command": "contrast"}, {"command": "ingest", "limit": 1}],
    "removed_features": [{}, {"limit": 1}],
    "reproduced_faults": [{}, {"contrast": "medical", "sae": SECOND_SAE}],
    "reproduced_filter": [{}, {"sae": SECOND_SAE, "limit": 1}],
    "reproduced_list": [{"max_q": 0.5}, {"contrast": "medical", "limit": 2}, {"sae": SECOND_SAE, "max_q": 0.5}],
    "reproduced_number": [{}, {"number": 5}, {"sae": SECOND_SAE}],
    "reproductions": [{}, {"contrast": "medical"}, {"contrast": "medical", "sae": SECOND_SAE}],
    "sae_trust": [{}, {"sae": "tiny/blocks.1.hook_resid_pre", "corpus": "travel/places"}],
    "sae_summary": [{}],
    "saes_matched": [{}, {"sae": SECOND_SAE}],
    "same_feature": [{"feature": 4}, {"feature": 8, "sae": SECOND_SAE}],
    "scheduled_runs": [{}, {"job": "notes", "limit": 1}, {"status": "skipped"}],
    "sentences_by_strength": [{"feature": 0, "per_octave": 1}, {"feature": 1, "corpus": "notes/medical"}],
    "skewness_list": [{"limit": 4}, {"direction": "lowest", "sae": SECOND_SAE, "limit": 3}],
    "specific_to_corpus": [{"limit": 6}, {"corpus": "travel/places", "min_documents": 1, "limit": 4}],
    "specific_to_domain": [{"limit": 6}, {"domain": "everyday", "sae": SECOND_SAE}],
    "split_features": [{}, {"measure": "correlation", "limit": 1}],
    "steered_prompts": [{"feature": 1, "limit": 4}, {"feature": 4, "sae": SECOND_SAE}],
    "steered_words": [{"feature": 1}],
    "steering_by_dose": [{}, {"sae": SECOND_SAE}, {"kind": "clamp"}],
    "study_candidates": [{}, {"sae": SECOND_SAE, "limit": 2}],
    "survivors": [{}, {"sae": SECOND_SAE}],
    "target_features": [{"target": "years", "sae": "tiny/blocks.1.hook_resid_pre"}, {"max_q": 0.5, "limit": 2}],
    "through_layers": [{"feature": 4}, {"feature": 0, "sae": SECOND_SAE, "measure": "cosine", "least": 0.8}],
    "token_values": [{"explanation": 0}, {"explanation": 1}],
    "upstream_features": [{"feature": 4, "sae": SECOND_SAE}, {"feature": 4, "sae": SECOND_SAE, "min_share": 0.3}],
    "words_for_feature": [{"feature": 1}, {"feature": 4, "sae": SECOND_SAE}],
}
EVERY_CASE = [(name, values) for name, cases in CASES.items() for values in cases]
PUBLISHED_CASES = [(name, values) for name, values in EVERY_CASE if find_query(name).database == "atlas"]


def golden_file(name: str) -> Path:
    """Where the golden results of a query lie."""
    return GOLDEN / f"{name}.json"


def golden_text(atlas: Atlas, name: str, cases: list[dict[str, str | int | float]]) -> str:
    """The golden results of a query as JSON, a row a line."""
    parts = []
    for values in cases:
        table = run_query(atlas, name, values)
        rows = ",\n".join(f"  {json.dumps(row, ensure_ascii=False)}" for row in rows_of(table))
        head = f'"values": {json.dumps(values)},\n "columns": {json.dumps(table.column_names)}'
        parts.append(f'{{{head},\n "rows": [\n{rows}\n ]}}')
    return "[\n" + ",\n".join(parts) + "\n]\n"


def rows_of(table: pa.Table) -> list[list[Any]]:
    """The rows of an Arrow table, a list each."""
    return [list(row.values()) for row in table.to_pylist()]


def same(rows: list[list[Any]], expected: list[list[Any]]) -> None:
    """Check that rows are equal, floats to 1e-9."""
    assert len(rows) == len(expected)
    for row, wanted in zip(rows, expected, strict=True):
        assert row == [pytest.approx(cell, rel=1e-9) if isinstance(cell, float) else cell for cell in wanted]


@pytest.fixture(scope="module")
def published(tiny_snapshot: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    """The published SQLite copy, with five tokens a feature kept, so that no query can lean on the rest."""
    connection = sqlite3.connect(shutil.copy(tiny_snapshot / "atlas.db", tmp_path_factory.mktemp("published")))
    connection.execute(
        """DELETE FROM feature_token
        WHERE (sae, corpus, feature, token_id) NOT IN (
            SELECT sae, corpus, feature, token_id
            FROM (
                SELECT *, ROW_NUMBER() OVER (
                    PARTITION BY sae, corpus, feature ORDER BY active_tokens DESC, sum_activation DESC, token_id
                ) AS place
                FROM feature_token
            )
            WHERE place <= 5
        )"""
    )
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def tiny(tiny_built: Path) -> Iterator[Atlas]:
    """The tiny atlas, open."""
    with open_atlas(tiny_built, read_only=True) as atlas:
        yield atlas


@pytest.fixture(scope="module")
def shuffled(tiny_built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Atlas]:
    """The tiny atlas with the rows of every table the other way round."""
    path = tmp_path_factory.mktemp("shuffled") / "tiny.duckdb"
    with open_atlas(write_empty_atlas(path)) as atlas:
        names = atlas.duckdb.execute("SELECT table_name FROM duckdb_tables()").fetchall()
    with duckdb.connect(path) as connection:
        connection.execute(f"ATTACH '{tiny_built}' AS forward (READ_ONLY)")
        pending = [name for (name,) in names]
        for name in pending:
            connection.execute(f"DELETE FROM {name}")  # what a new file holds already
        while pending:
            left = [name for name in pending if not _copy_reversed(connection, name)]
            assert len(left) < len(pending), f"rows of {left} reference rows that are nowhere"
            pending = left
    with open_atlas(path, read_only=True) as atlas:
        yield atlas


def _copy_reversed(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    """Copy a table; False while the rows that it references are not there yet."""
    try:
        connection.execute(f"INSERT INTO main.{name} SELECT * FROM forward.{name} ORDER BY rowid DESC")
    except duckdb.ConstraintException:
        return False
    return True


@pytest.mark.parametrize("name", saved_queries())
def test_golden_result(tiny: Atlas, name: str) -> None:
    golden = json.loads(golden_file(name).read_text(encoding="utf-8"))
    assert [case["values"] for case in golden] == CASES[name], "write it anew: python -m tests.golden"
    for case in golden:
        table = run_query(tiny, name, case["values"])
        assert table.column_names == case["columns"]
        same(rows_of(table), case["rows"])


def test_every_query_has_a_golden_result_that_shows_something() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(saved_queries()) == set(CASES)
    for name in saved_queries():
        assert json.loads(golden_file(name).read_text(encoding="utf-8"))[0]["rows"], name


@pytest.mark.parametrize("name", saved_queries())
def test_no_row_names_a_feature_without_its_sae(name: str) -> None:
    for case in json.loads(golden_file(name).read_text(encoding="utf-8")):
        named = [column for column in case["columns"] if column == "feature" or column.endswith("_feature")]
        assert not named or any(column == "sae" or column.endswith("_sae") for column in case["columns"])


@pytest.mark.parametrize(("name", "values"), PUBLISHED_CASES)
def test_published_sqlite_gives_the_same_rows(
    tiny: Atlas, published: sqlite3.Connection, name: str, values: dict[str, str | int | float]
) -> None:
    query = find_query(name)
    expected = rows_of(run_query(tiny, name, values))
    given_values = {parameter.name: values.get(parameter.name, parameter.default) for parameter in query.parameters}
    cursor = published.execute(query.sql, given_values)
    assert [column[0] for column in cursor.description] == run_query(tiny, name, values).column_names
    same([list(row) for row in cursor], expected)
    served = {parameter.name: str(values.get(parameter.name, "")) for parameter in query.parameters}
    same([list(row) for row in published.execute(query.served_sql, served)], expected)


@pytest.mark.parametrize(("name", "values"), EVERY_CASE)
@pytest.mark.parametrize("absent", ["", None])
def test_served_sql_takes_texts_and_falls_back_on_defaults(
    tiny: Atlas, name: str, values: dict[str, str | int | float], absent: str | None
) -> None:
    query = find_query(name)
    served: Mapping[str, str | None] = {
        parameter.name: str(values[parameter.name]) if parameter.name in values else absent
        for parameter in query.parameters
    }
    sql = replace_query_placeholders(query.served_sql, lambda parameter: f"${parameter}")
    same(rows_of(tiny.arrow(sql, served)), rows_of(run_query(tiny, name, values)))


@pytest.mark.parametrize(("name", "values"), EVERY_CASE)
def test_order_does_not_depend_on_how_rows_are_stored(
    tiny: Atlas, shuffled: Atlas, name: str, values: dict[str, str | int | float]
) -> None:
    same(rows_of(run_query(shuffled, name, values)), rows_of(run_query(tiny, name, values)))


@pytest.mark.parametrize("name", saved_queries())
def test_declared_parameters_are_the_used_ones(name: str) -> None:
    query = find_query(name)
    assert sorted(parameter.name for parameter in query.parameters) == sorted(query_placeholders(query.sql))
    assert not query_placeholders(re.sub(r"(?<!\w):[A-Za-z_]\w*", "", query.sql))


@pytest.mark.parametrize("name", saved_queries())
def test_every_query_is_explained(name: str) -> None:
    query = find_query(name)
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", name)
    assert query.title[0].isupper()
    assert not query.title.endswith(".")
    assert len(query.title) <= 60
    assert query.description.endswith(".")
    assert 80 <= len(query.description) <= 400
    assert query.group in GROUPS
    for parameter in query.parameters:
        assert len(parameter.help) > 10
        assert not parameter.help.endswith(".")


@pytest.mark.parametrize("name", saved_queries())
def test_sql_is_one_select_in_house_style(name: str) -> None:
    sql = find_query(name).sql
    assert [statement.type.name for statement in duckdb.extract_statements(find_query(name).duckdb_sql)] == ["SELECT"]
    assert sql.startswith(("SELECT", "WITH"))
    assert re.search(r"^ORDER BY [^\n]+(\nLIMIT :limit)?\Z", sql, re.MULTILINE), (
        "it ends with ORDER BY and LIMIT :limit"
    )
    assert ("limit" in query_placeholders(sql)) == sql.endswith("\nLIMIT :limit") or "    LIMIT :limit" in sql
    assert "::" not in sql
    assert not re.search(r"[ \t]+$", sql, re.MULTILINE)
    assert max(len(line) for line in sql.splitlines()) <= 120
    code = re.sub(r"'(?:[^']|'')*'|:\w+", "", sql)
    assert not re.search(r"\b(select|from|where|join|on|and|or|as|order by|group by|limit|case|when|then|end)\b", code)


def test_queries_for_sqlite_leave_the_big_tables_alone() -> None:
    big = re.compile(r"\b(FROM|JOIN) (activation|token|feature_document|coverage)\b")
    for query in saved_queries().values():
        assert bool(big.search(query.sql)) <= (query.database == "activations"), query.name


def test_disease_feature_leads_and_its_look_alike_is_shown(tiny: Atlas) -> None:
    first = {row["feature"] for row in run_query(tiny, "candidates", {"limit": 4}).to_pylist()}
    assert first == {1, 4, 10}, "diseases are 1 and 4, body parts 10 and 1"
    sentences = run_query(tiny, "feature_sentences", {"feature": 1}).to_pylist()
    assert sentences[0]["sentence"] == "**Tuberculosis** causes a long cough and night sweats."
    assert {row["corpus"] for row in sentences} == {"notes/medical", "travel/places"}


def test_one_printed_number_is_four_features(tiny: Atlas) -> None:
    rows = run_query(tiny, "printed_number", {"number": 6}).to_pylist()
    assert [(row["sae"].split(".")[1], row["feature"], row["counted"]) for row in rows] == [
        ("1", 6, "from zero"),
        ("1", 5, "from one"),
        ("2", 6, "from zero"),
        ("2", 5, "from one"),
    ]


def test_steering_counts_each_text_once_and_one_setting_alone(tiny_built: Path, tmp_path: Path) -> None:
    """Prompts steered before, at one position, with other words or other random features, are not mixed in."""
    path = Path(shutil.copy(tiny_built, tmp_path / "tiny.duckdb"))
    changes = ("positions = '[3]'", "words = '[\" other\"]'", "random_features = 9", "seed = 7")
    with open_atlas(path) as atlas:
        expected = run_query(atlas, "steering_by_dose", {}).to_pylist()
        connection = atlas.duckdb
        connection.execute("CREATE TEMP TABLE before AS SELECT * FROM steering")
        connection.execute("CREATE TEMP TABLE effects AS SELECT * FROM steering_effect")
        for number, change in enumerate(changes, start=1):
            for table, column in (("before", "steering"), ("effects", "steering")):
                connection.execute(f"UPDATE {table} SET {column} = {column} - 100")
            connection.execute(f"INSERT INTO steering SELECT * REPLACE (identity || {number} AS identity) FROM before")
            connection.execute("INSERT INTO steering_effect SELECT * REPLACE (kl + 1 AS kl) FROM effects")
            connection.execute(f"UPDATE steering SET {change} WHERE steering < {-100 * number + 100}")
        assert run_query(atlas, "steering_by_dose", {}).to_pylist() == expected


def test_a_head_s_share_is_the_sum_of_changes_over_that_of_differences(tiny_built: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(tiny_built, tmp_path / "tiny.duckdb"))
    values: dict[str, str | int | float] = {"feature": 4, "sae": SECOND_SAE, "kind": "z", "limit": 1}
    with open_atlas(path) as atlas:
        head = run_query(atlas, "patched_heads", values).to_pylist()[0]
        pairs = [key for (key,) in atlas.rows("SELECT patch_pair FROM patch_pair WHERE feature = 4 ORDER BY ALL")]
        assert len(pairs) == head["pairs"] == 2
        for pair, far, effect in zip(pairs, (-1.0, 7.0), (0.0, 0.8), strict=True):
            atlas.rows("UPDATE patch_pair SET clean_value = corrupted_value + $1 WHERE patch_pair = $2", [far, pair])
            sql = "UPDATE patch_effect SET denoised_effect = $1, noised_effect = $1 WHERE patch_pair = $2"
            atlas.rows(sql, [effect, pair])
        found = run_query(atlas, "patched_heads", values).to_pylist()[0]
    assert (found["denoised"], found["noised"]) == (pytest.approx(0.7), pytest.approx(0.3))


def test_word_is_found_whole_in_any_case_and_over_several_tokens(tiny: Atlas) -> None:
    def occurrences(word: str) -> int:
        rows = run_query(tiny, "features_for_word", {"word": word}).to_pylist()
        return rows[0]["occurrences"] if rows else 0

    assert occurrences("cancer") == occurrences("CANCER") == 2
    assert occurrences("lung cancer") == 1
    assert occurrences("brûlée") == 1
    assert occurrences("the") == 7
    assert occurrences("ancer") == occurrences(" ") == 0
    with pytest.raises(QueryError, match="features_for_word needs -p word="):
        occurrences("")


def test_every_query_holds_on_an_empty_atlas(tmp_path: Path) -> None:
    with open_atlas(write_empty_atlas(tmp_path / "empty.duckdb")) as atlas:
        for name, cases in CASES.items():
            required = {key: value for key, value in cases[0].items() if find_query(name).sql and key in needed(name)}
            try:
                assert run_query(atlas, name, required).num_rows == 0
            except SelectionError as error:
                assert "holds no" in str(error)


def needed(name: str) -> set[str]:
    """The required parameters of a query."""
    return {parameter.name for parameter in find_query(name).parameters if parameter.required}


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("candidats", {}, "there is no saved query 'candidats'; did you mean candidates"),
        ("xyzzy", {}, "list them: atlas query ATLAS"),
        ("candidates", {"limt": 3}, "candidates has no parameter 'limt'; did you mean limit?"),
        ("candidates", {"xyzzy": 3}, "its parameters: contrast='', sae='', max_q=1, limit=40"),
        ("sae_summary", {"limit": 3}, "sae_summary has no parameter 'limit'; it has none"),
        ("feature_card", {}, "feature_card needs -p feature=...; its parameters: feature=INTEGER, sae=''"),
        ("compare_features", {}, "needs -p feature=... -p other_feature=...;"),
        ("candidates", {"limit": "ten"}, "candidates: limit must be a whole number, not 'ten'"),
        ("candidates", {"limit": 2.5}, "limit must be a whole number, not 2.5"),
        ("candidates", {"limit": 10**12}, "candidates: limit is out of range: 1000000000000"),
        ("candidates", {"limit": -1}, "limit must be 0 or more, not -1"),
        ("candidates", {"max_q": "nan"}, "max_q must be a number, not 'nan'"),
        ("logit_extremes", {"measure": "mean"}, "measure must be one of std, skewness, kurtosis, not 'mean'"),
    ],
)
def test_wrong_query_or_value_is_named(tiny: Atlas, name: str, values: dict[str, Any], message: str) -> None:
    with pytest.raises(QueryError, match=re.escape(message)):
        run_query(tiny, name, values)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("candidates", {"contrast": "medica"}, "has no contrast 'medica'; did you mean medical?"),
        ("candidates", {"sae": "tiny/blocks.3.hook_resid_pre"}, "did you mean tiny/blocks."),
        ("densest_features", {"corpus": "xyzzy"}, "has no corpus 'xyzzy'; it has notes/medical, notes/control"),
        ("corpora_compared", {"other_corpus": "travel"}, "did you mean travel/places?"),
        ("specific_to_domain", {"domain": "medical"}, "did you mean medicine?"),
        (
            "feature_card",
            {"feature": 12},
            "feature=12 is not in tiny/blocks.1.hook_resid_pre; its features are 0 to 11",
        ),
        (
            "compare_features",
            {"feature": 0, "other_feature": -1, "other_sae": SECOND_SAE},
            "=-1 is not in tiny/blocks.2",
        ),
    ],
)
def test_name_that_is_not_in_the_atlas_is_named(tiny: Atlas, name: str, values: dict[str, Any], message: str) -> None:
    with pytest.raises(SelectionError, match=re.escape(message)):
        run_query(tiny, name, values)


@pytest.mark.parametrize(
    "header",
    [
        "-- title: T\n-- description: D\nSELECT 1\n",
        "-- title: T\n-- description: D\n-- database: duck\nSELECT 1\n",
        "-- description: D\n-- title: T\n-- database: atlas\nSELECT 1\n",
        "-- title: T\n-- description: D\n-- database: atlas\n-- param limit INTEGER = 4  -- rows\nSELECT 1\n",
        "-- title: T\n-- description: D\n-- database: atlas\n-- param limit: INTEGER = four  -- rows\nSELECT 1\n",
        "-- title: T\n-- description: D\n-- database: atlas\n-- param limit: INTEGER = 4\nSELECT 1\n",
        "-- title: T\n-- description: D\n-- database: atlas\n-- param m: VARCHAR = 'c'  -- a|b: which\nSELECT 1\n",
    ],
)
def test_malformed_header_is_refused(tmp_path: Path, header: str) -> None:
    file = tmp_path / "broken.sql"
    file.write_text(header)
    with pytest.raises(QueryError):
        parse_query(file, "overview")


def test_part_that_is_not_there_is_named(tmp_path: Path) -> None:
    file = tmp_path / "broken.sql"
    file.write_text(
        "-- title: T\n-- description: D\n-- database: atlas\nWITH a AS (\n    -- part: xyzzy\n)\nSELECT 1\n"
    )
    with pytest.raises(QueryError, match=r"broken.sql: there is no part 'xyzzy'"):
        parse_query(file, "overview")


def test_what_several_statements_say_is_a_part() -> None:
    """Of the saved queries and of the pages, which take in the same parts."""
    pages = Path(atlas.site.pages.__path__[0])
    files = [*FOLDER.glob("*/*.sql"), *pages.rglob("*.sql")]
    texts = {file: file.read_text(encoding="utf-8") for file in files}
    parts = {file.stem for file in FOLDER.glob("parts/*.sql")}
    asked = [re.findall(r"-- part: (\w+)", text) for text in texts.values()]
    for part in parts:
        assert sum(part in names for names in asked) > 1, f"{part} is said once: it can stand where it is used"
    tables = [table for text in texts.values() for table in set(TABLE.findall(text))]
    assert len(tables) == len(set(tables)), "said in two files: make it a part"


def test_the_sae_that_has_read_most_is_asked_where_none_is_named(tiny_copy: Path) -> None:
    with open_atlas(tiny_copy) as atlas:

        def asked_of_second() -> bool:
            return SECOND_SAE in str(run_query(atlas, "feature_card", {"feature": 1}).to_pylist())

        assert not asked_of_second()
        atlas.rows("UPDATE sae_corpus SET documents = documents + 1 WHERE sae = 1")
        assert asked_of_second()
        atlas.rows("UPDATE sae SET d_sae = 2 WHERE sae = 1")
        with pytest.raises(SelectionError, match=f"feature=2 is not in {SECOND_SAE}"):
            run_query(atlas, "feature_card", {"feature": 2})


def test_parameter_declaration_is_read() -> None:
    parameter = parse_parameter("term: VARCHAR = 'Crohn''s -- or not'  -- a name")
    assert (parameter.default, parameter.help, parameter.required) == ("Crohn's -- or not", "a name", False)
    assert parse_parameter("measure: VARCHAR  -- std|skewness: which").choices == ("std", "skewness")
    assert parse_parameter("feature: INTEGER  -- an index").required


def test_placeholders_are_told_from_what_looks_like_them() -> None:
    sql = """SELECT ':a', 'it''s :b', "x:c", y::INTEGER, :d -- :e\n/* :f */ FROM t WHERE u = :g AND v = :d"""
    assert query_placeholders(sql) == ("d", "g")
    assert replace_query_placeholders(sql, lambda name: f"${name}") == sql.replace(":d", "$d").replace(":g", "$g")


@settings(max_examples=200)
@given(st.text(alphabet="'\":-/*a1 \n$"))
def test_replacing_a_placeholder_by_itself_changes_nothing(sql: str) -> None:
    assert replace_query_placeholders(sql, lambda name: f":{name}") == sql


def test_public_names() -> None:
    assert queries.__all__ == ["GROUPS", "Parameter", "SavedQuery", "find_query", "run_query", "saved_queries"]
