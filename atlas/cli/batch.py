"""Commands out of a file, one after the other in one process."""

import shlex
from collections.abc import Iterable
from typing import TextIO

import click

from schema.locking import declare_writer


@click.command()
@click.argument("file", type=click.File(encoding="utf-8"), default="-")
@click.pass_context
def batch(ctx: click.Context, file: TextIO) -> None:
    """Run the commands of FILE, a line each as it stands after `atlas`, until one fails.

    They share one process, so that the packages which run models are imported once for all of them. Without FILE they
    are read from stdin. What follows a # is a comment.
    """
    assert ctx.parent is not None
    for number, arguments in _commands(file, ctx):
        click.echo(f"$ atlas {shlex.join(arguments)}", err=True)
        try:
            _run(arguments, ctx.parent)
        except Exception:
            click.echo(f"line {number} of {file.name} fails; what comes after it is not run", err=True)
            raise


def _commands(lines: Iterable[str], ctx: click.Context) -> list[tuple[int, list[str]]]:
    """The arguments of each command with the number of its line; all are read before the first runs."""
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            arguments = shlex.split(line, comments=True)
        except ValueError as error:
            raise click.UsageError(f"line {number}: {error}", ctx) from error
        if arguments[:1] == [ctx.info_name]:
            raise click.UsageError(f"line {number}: a batch runs no batch", ctx)
        if arguments and arguments[0].startswith("-"):
            raise click.UsageError(
                f"line {number}: options of `atlas` itself stand before `batch`: atlas {arguments[0]} ... batch", ctx
            )
        if arguments:
            found.append((number, arguments))
    return found


def _run(arguments: list[str], parent: click.Context) -> None:
    """Run a command under the options of `atlas` that the batch has.

    Raises:
        click.exceptions.Exit: it ends with another exit code than 0, without an error.
    """
    group = parent.command
    assert isinstance(group, click.Group)
    name, command, rest = group.resolve_command(parent, arguments)
    assert command is not None
    try:
        with (
            command.make_context(name, rest, parent=parent) as ctx,
            declare_writer(f"atlas {name}", parent.params["wait"]),
        ):
            code = command.invoke(ctx)
    except click.exceptions.Exit as ended:  # as --help does
        code = ended.exit_code
    if isinstance(code, int) and code:
        raise click.exceptions.Exit(code)
