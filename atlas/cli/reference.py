"""The tables of the packages' READMEs, generated from the code: commands, saved queries, tables.

cog -r atlas/README.md queries/README.md schema/README.md
"""

from collections.abc import Sequence

import click

from atlas.cli.main import COMMANDS, cli
from queries import saved_queries
from schema.tables import metadata


def commands() -> str:
    """A Markdown table of the commands."""
    rows = []
    for name, (_, summary) in sorted(COMMANDS.items()):
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        rows.append((f"`{_usage(name, command)}`", summary))
    return _table(("command", "what it does"), rows)


def queries() -> str:
    """A Markdown table of the saved queries, group by group."""
    rows = []
    for query in saved_queries().values():
        parameters = ", ".join(f"`{parameter.name}`" for parameter in query.parameters)
        rows.append((f"`{query.name}`", query.title, parameters))
    return _table(("query", "title", "parameters"), rows)


def tables() -> str:
    """A Markdown table of the tables, in the order they depend on each other."""
    rows = [(f"`{table.name}`", str(table.comment)) for table in metadata.sorted_tables]
    return _table(("table", "a row is"), sorted(rows))


def _usage(name: str, command: click.Command) -> str:
    if isinstance(command, click.Group):
        return f"atlas {name} {'|'.join(sorted(command.commands))} ..."
    arguments = (parameter for parameter in command.params if isinstance(parameter, click.Argument))
    return " ".join(["atlas", name, *(_metavar(argument) for argument in arguments)])


def _metavar(argument: click.Argument) -> str:
    text = argument.metavar or (argument.name or "").upper()
    return text if argument.required else f"[{text}]"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


__all__ = ["commands", "queries", "tables"]
