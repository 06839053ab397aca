"""`atlas query`: the list, the formats, the terminal, and one clear line for each mistake."""

import csv
import io
import json
import os
import pty
import re
import subprocess
import sys
import termios
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from atlas.cli.main import cli
from ingest.contrasts.stale import STALE
from queries import saved_queries
from schema import AtlasMissingError, QueryError, SelectionError, open_atlas

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def tiny(tiny: Path) -> str:
    """The tiny atlas' file, as an argument."""
    return str(tiny)


def query(*arguments: str) -> Result:
    """Run `atlas query` in this process; errors of the atlas are raised."""
    result = CliRunner().invoke(cli, ["query", *arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_figures_that_are_to_be_computed_again_are_told(tiny_copy: Path) -> None:
    path = tiny_copy
    assert query(str(path), "candidates").stderr == ""
    with open_atlas(path) as atlas:
        atlas.rows("UPDATE sae_contrast SET documents_hash = ?", [STALE])
    told = "contrast medical is to be computed again: the next ingest does so\n"
    assert query(str(path), "candidates").stderr == told
    assert query(str(path), "chance", "-p", "contrast=medical").stderr == told
    assert query(str(path), "sae_summary").stderr == ""


def on_a_terminal(columns: int, *arguments: str) -> str:
    """What `atlas query` writes to a terminal of that many columns."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (50, columns))
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": str(columns)}
    with subprocess.Popen(
        [sys.executable, "-m", "atlas", "query", *arguments], cwd=ROOT, stdout=theirs, env=environment
    ) as process:
        os.close(theirs)
        written = b""
        while chunk := _read(ours):
            written += chunk
    os.close(ours)
    assert process.returncode == 0
    return re.sub(r"\x1b\[[0-9;]*m", "", written.decode()).replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux says so when the other end is closed
        return b""


def test_list_names_every_query_with_its_parameters(tiny: str) -> None:
    shown = query(tiny).stdout
    for saved in saved_queries().values():
        assert f"  {saved.name} " in shown
        assert f"{saved.title} ({saved.database})" in shown
        for parameter in saved.parameters:
            assert str(parameter) in shown
    assert "contrast='' sae='' max_q=1 limit=40" in shown
    assert shown.index("Finding features") < shown.index("dead_features") < shown.index("One feature, up close")


def test_list_needs_no_atlas_and_is_also_for_programs(tmp_path: Path) -> None:
    listed = json.loads(query(str(tmp_path / "none.duckdb"), "--format", "json").stdout)
    assert {row["name"] for row in listed} == set(saved_queries())
    assert set(listed[0]) == {"name", "group", "title", "description", "database", "parameters"}


def test_describe_explains_without_running(tmp_path: Path) -> None:
    shown = query(str(tmp_path / "none.duckdb"), "feature_card", "--describe").stdout
    assert shown.startswith("feature_card: One feature's card\n")
    assert "-p feature=INTEGER  zero-based index of the feature (required)" in shown
    assert "SELECT" in shown


def test_table_is_aligned_plain_text(tiny: str) -> None:
    result = query(tiny, "candidates", "-p", "limit=2", "-c", "place,feature,auroc,q,example")
    assert result.stdout == (
        "place  feature  auroc         q  example\n"
        "-----  -------  -----  --------  --------------------------------------------------\n"
        "    1       10      1  0.009725  Doctors treat pneumonia with antibiotics and rest.\n"
        "    2        1      1  0.009725  Doctors treat pneumonia with antibiotics and rest.\n"
    )
    assert result.stderr == ""


def test_csv_and_json_hold_the_same_rows(tiny: str) -> None:
    arguments = (tiny, "feature_documents", "-p", "feature=1")
    read = list(csv.DictReader(io.StringIO(query(*arguments, "--format", "csv").stdout)))
    rows = json.loads(query(*arguments, "--format", "json").stdout)
    assert len(read) == len(rows) == 7
    assert read == [{key: "" if cell is None else str(cell) for key, cell in row.items()} for row in rows]


@pytest.mark.parametrize("ending", ["csv", "json", "parquet", "txt", "tsv", "jsonl", "ndjson", "CSV"])
def test_output_file_names_its_format(tiny: str, tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"rows.{ending}"
    result = query(tiny, "sae_summary", "-o", str(file))
    assert result.stdout == ""
    if ending == "parquet":
        assert pq.read_table(file).column("d_sae").to_pylist() == [12, 12]
    else:
        assert "tiny/blocks.2.hook_resid_pre" in file.read_text()


def test_a_file_holds_every_digit_or_a_word_says_that_it_does_not(tiny: str, tmp_path: Path) -> None:
    arguments = (tiny, "candidates", "-p", "limit=1", "-c", "q")
    (whole,) = json.loads(query(*arguments, "--format", "json").stdout)
    for ending in ("csv", "tsv", "jsonl"):
        file = tmp_path / f"rows.{ending}"
        assert query(*arguments, "-o", str(file)).stderr == ""
        assert repr(whole["q"]) in file.read_text()
    table = tmp_path / "rows.txt"
    assert "figures have four digits there" in query(*arguments, "-o", str(table)).stderr
    assert query(*arguments, "-o", str(table), "--format", "table").stderr == ""


def test_lines_of_json_and_cells_between_tabs(tiny: str) -> None:
    arguments = (tiny, "feature_documents", "-p", "feature=1")
    rows = json.loads(query(*arguments, "--format", "json").stdout)
    assert [json.loads(line) for line in query(*arguments, "--format", "jsonl").stdout.splitlines()] == rows
    read = csv.DictReader(io.StringIO(query(*arguments, "--format", "tsv").stdout), delimiter="\t")
    assert [row["document"] for row in read] == [str(row["document"]) for row in rows]


def test_parquet_goes_through_a_pipe(tiny: str) -> None:
    result = query(tiny, "sae_summary", "--format", "parquet")
    assert pq.read_table(io.BytesIO(result.stdout_bytes)).num_rows == 2


@pytest.mark.parametrize(("format_", "written"), [("table", ""), ("json", "[]\n"), ("csv", "place,feature\n")])
def test_no_rows_is_said_on_stderr(tiny: str, format_: str, written: str) -> None:
    result = query(tiny, "candidates", "-p", "limit=0", "-c", "place,feature", "--format", format_)
    assert result.stdout == written
    assert result.stderr == "candidates: no rows\n"


def test_wide_terminal_gets_a_table_and_a_narrow_one_a_row_after_the_other(tiny: str) -> None:
    arguments = (tiny, "feature_sentences", "-p", "feature=1", "-p", "limit=2")
    columns = "activation,token,sentence,corpus"
    wide = on_a_terminal(120, *arguments, "-c", columns)
    assert "**Tuberculosis** causes a long cough and night sweats." in wide
    assert wide.count("activation") == 1
    narrow = on_a_terminal(40, *arguments, "-c", columns)
    assert narrow.count("activation") == 2
    assert max(len(line) for line in narrow.splitlines()) <= 40


def test_list_fits_a_narrow_terminal() -> None:
    shown = on_a_terminal(60, "atlas.duckdb")
    assert max(len(line) for line in shown.splitlines()) <= 60


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["candidates", "-p", "limit"], "-p takes KEY=VALUE, such as -p limit=10, not 'limit'"),
        (["candidates", "-p", "limit=1", "-p", "limit=2"], "-p limit is given twice"),
        (["-p", "limit=1"], "need the NAME of a query"),
        (["candidates", "-c", "place,nothing"], "there is no column 'nothing'; there are place, sae, feature"),
        (["candidates", "-o", "rows.xlsx"], "rows.xlsx names no format; let it end in .csv, .json, .parquet, .tsv"),
        (["candidates", "-o", "rows"], "or add --format"),
        (["candidates", "--format", "xml"], "'xml' is not one of 'table', 'csv', 'json', 'parquet'"),
    ],
)
def test_wrong_usage_exits_with_2(tiny: str, arguments: list[str], message: str) -> None:
    result = query(tiny, *arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_atlas_is_not_forgotten_or_overwritten(tiny: str) -> None:
    assert "the atlas comes first: atlas query ATLAS candidates" in query("candidates").stderr
    assert "would overwrite the atlas" in query(tiny, "candidates", "-o", tiny).stderr


@pytest.mark.parametrize(
    ("command", "options"),
    [
        (["query"], ["candidates", "--format", "json"]),
        (["explain", "plot"], ["0"]),
        (["circuit", "pattern"], ["--text", "Asthma", "--layer", "0"]),
    ],
)
def test_no_output_is_written_over_the_atlas_by_whatever_link(
    tiny_copy: Path, command: list[str], options: list[str]
) -> None:
    soft, hard = tiny_copy.with_name("soft.png"), tiny_copy.with_name("hard.png")
    soft.symlink_to(tiny_copy)
    hard.hardlink_to(tiny_copy)
    before = tiny_copy.read_bytes()
    for output in map(str, (soft, hard)):
        refused = CliRunner().invoke(cli, [*command, str(tiny_copy), *options, "-o", output])
        assert refused.exit_code == 2
        assert f"-o {output} would overwrite the atlas; choose another file" in refused.stderr
    assert tiny_copy.read_bytes() == before


def test_no_output_is_written_over_a_file_of_an_atlas_that_is_a_folder(tiny: str, tmp_path: Path) -> None:
    folder = tmp_path / "exported"
    CliRunner().invoke(cli, ["export", tiny, "--parquet", str(folder)], catch_exceptions=False)
    held = [file for file in folder.rglob("*") if file.is_file()]
    before = [file.read_bytes() for file in held]
    for file in held:
        refused = query(str(folder), "sae_summary", "--format", "json", "-o", str(file))
        assert "would overwrite the atlas; choose another file" in refused.stderr
    assert [file.read_bytes() for file in held] == before
    for _ in range(2):
        assert query(str(folder), "sae_summary", "-o", str(folder / "answer.json")).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["candidats"], QueryError, "did you mean candidates"),
        (["candidates", "-p", "limit=ten"], QueryError, "limit must be a whole number"),
        (["candidates", "-p", "contrast=medica"], SelectionError, "did you mean medical?"),
        (["sae_summary", "-o", "no/such/folder/rows.csv"], QueryError, "rows.csv cannot be written: No such file"),
    ],
)
def test_mistake_is_one_error_of_the_atlas(
    tiny: str, arguments: list[str], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        query(tiny, *arguments)


def test_missing_atlas_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    with pytest.raises(AtlasMissingError):
        query(str(tmp_path / "none.duckdb"), "sae_summary")
    ran = subprocess.run(
        [sys.executable, "-m", "atlas", "query", str(tmp_path / "none.duckdb"), "sae_summary"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith("atlas: ")
    assert ran.stderr.count("\n") == 1


def test_every_option_has_help() -> None:
    shown = query("-h").stdout
    for option in ("--parameter", "--format", "--columns", "--output", "--describe"):
        assert option in shown
    assert "feature_sentences -p feature=512 --format json" in shown
