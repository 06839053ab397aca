"""Commands out of a file: run in their order in one process, until one fails."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from atlas.cli.main import cli
from schema import open_atlas


def batch(lines: str, *options: str) -> Result:
    return CliRunner().invoke(cli, [*options, "batch"], input=lines)


def test_commands_run_in_their_order(tiny_copy: Path, tmp_path: Path) -> None:
    result = batch(f"""
# what is there
backup {tiny_copy} '{tmp_path}/a copy.duckdb'   # with a space in its name
verify '{tmp_path}/a copy.duckdb'
query '{tmp_path}/a copy.duckdb' corpus_summary --format csv
""")
    assert result.exit_code == 0, result.output
    asked = [line for line in result.stderr.splitlines() if line.startswith("$ atlas ")]
    assert [line.split()[2] for line in asked] == ["backup", "verify", "query"]
    assert f"'{tmp_path}/a copy.duckdb'" in asked[0]
    assert "copy.duckdb holds" in result.stdout
    assert result.stdout.index("copy.duckdb holds") < result.stdout.index("corpus,")


def test_what_comes_after_a_command_that_fails_is_not_run(tiny_copy: Path, tmp_path: Path) -> None:
    result = batch(f"query {tiny_copy} nonsense\nbackup {tiny_copy} {tmp_path}/copy.duckdb\n")
    assert result.exit_code != 0
    assert "line 1 of <stdin> fails; what comes after it is not run" in result.stderr
    assert not (tmp_path / "copy.duckdb").exists()


def test_a_command_that_only_shows_its_help_ends_well(tiny_copy: Path) -> None:
    result = batch(f"verify --help\nverify {tiny_copy}\n")
    assert result.exit_code == 0
    assert "fails" not in result.stderr
    assert f"{tiny_copy} holds" in result.stdout


def test_a_command_that_finds_fault_ends_the_batch_with_its_exit_code(tiny_copy: Path, tmp_path: Path) -> None:
    with open_atlas(tiny_copy) as atlas:
        atlas.rows("UPDATE sae_corpus SET activations = activations + 1")
    result = batch(f"verify {tiny_copy}\nbackup {tiny_copy} {tmp_path}/copy.duckdb\n")
    assert result.exit_code == 1
    assert "line 1 of <stdin> fails" in result.stderr
    assert not (tmp_path / "copy.duckdb").exists()


def test_the_options_of_atlas_hold_for_every_command(tiny_copy: Path) -> None:
    refused = batch(f"verify {tiny_copy}", "--memory", "10MB")
    assert type(refused.exception).__name__ == "MemoryLimitError"


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("verify atlas.duckdb\nquery 'atlas", "line 2: No closing quotation"),
        ("batch other.txt", "line 1: a batch runs no batch"),
        ("verfy atlas.duckdb", "there is no command 'verfy'; did you mean 'verify'?"),
        (
            "--memory 2GB verify atlas.duckdb",
            "`atlas` itself stand before `batch`: atlas --memory ... batch",
        ),
    ],
)
def test_a_batch_that_cannot_be_read_says_why(lines: str, told: str) -> None:
    result = batch(lines)
    assert result.exit_code == 2
    assert told in result.stderr
