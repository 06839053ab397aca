"""The `atlas` command: finds the command's module, and turns errors into exit codes."""

import atexit
import difflib
import importlib
import logging
import os
import sys
from contextlib import suppress

import click

from schema.errors import AtlasError

COMMANDS = {
    "contrast": "Compare two sets of documents, feature by feature",
    "explain": "Shapley values of tokens and of features",
    "ingest": "Encode documents and store every activation",
    "remove": "Take a corpus out",
    "sae": "List the SAEs that can be named",
    "publish": "Write an immutable snapshot for Datasette",
    "query": "Run a saved query, or list them",
    "serve": "Serve a published atlas in the browser",
    "verify": "Check the invariants of an atlas file",
}

STREAMS = ("stdin", "stdout", "stderr")
"""By their number."""


class LazyGroup(click.Group):
    """A group that imports a command's module when it runs, so that `--help` loads no torch."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands, sorted."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"atlas.commands.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table above, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; a misspelt one gets the nearest names."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            near = difflib.get_close_matches(name, COMMANDS, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else "; see: atlas --help"
            raise click.UsageError(f"there is no command '{name}'{hint}", ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="feature-atlas", prog_name="atlas")
@click.option("-v", "--verbose", is_flag=True, help="Log what is done, to stderr.")
@click.option("--debug", is_flag=True, help="Show a traceback with an error.")
@click.pass_context
def cli(ctx: click.Context, verbose: bool, debug: bool) -> None:
    """A database of what the features of sparse autoencoders fire on.

    ATLAS is always the path of one DuckDB file, such as atlas.duckdb.
    """
    ctx.obj = {"debug": debug}
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING, format="%(levelname)s %(name)s: %(message)s"
    )


def main() -> None:
    """Run the command line and leave with its exit code."""
    _fill_closed_streams()
    code = run()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    # DuckDB's binding reports a hundred harmless "leaks" to stderr when torch and SQLAlchemy are
    # torn down around it; everything is closed and flushed by now, so the teardown is left out.
    os._exit(code)


def run() -> int:
    """Run the command line; an `AtlasError` becomes one line and exit code 1, wrong usage 2."""
    try:
        outcome = cli.main(standalone_mode=False)
    except click.Abort:
        click.echo("interrupted; what was committed is kept, and the same command goes on from there", err=True)
        return 130
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except AtlasError as error:
        if "--debug" in sys.argv:
            raise
        click.echo(f"atlas: {error}", err=True)
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        if "--debug" in sys.argv:
            raise
        click.echo(f"atlas: {error.filename or 'the output'}: {error.strerror or error}", err=True)
        return 1
    return outcome if isinstance(outcome, int) else 0


def _fill_closed_streams() -> None:
    """Streams that were closed (`>&-`) lead nowhere; else the atlas file would be opened under their number."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) < len(STREAMS):
        if STREAMS[descriptor] != "stdin":
            setattr(sys, STREAMS[descriptor], os.fdopen(descriptor, "w"))
    os.close(descriptor)


if __name__ == "__main__":
    main()
