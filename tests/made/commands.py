"""The command line as tests use it: a command run, a saved query asked, and every command there is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from click.testing import CliRunner, Result

from atlas.cli.main import cli
from queries import run_query
from schema import open_atlas


def attempt(*arguments: object) -> Result:
    """What a command gives, whether it ends well or not."""
    return CliRunner().invoke(cli, [*map(str, arguments)])


def run(*arguments: object) -> str:
    """What a command prints that ends well."""
    done = attempt(*arguments)
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stdout


def asked(path: Path, query: str, **values: Any) -> list[dict[str, Any]]:
    """The rows of a saved query."""
    with open_atlas(path, read_only=True) as atlas:
        rows: list[dict[str, Any]] = run_query(atlas, query, values).to_pylist()
    return rows


def commands(option: str) -> set[str]:
    """The commands that have an option."""
    return {" ".join(path) for path, command in _every(cli) if any(option in each.opts for each in command.params)}


def _every(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from _every(found, (*path, name))
    else:
        yield path, command
