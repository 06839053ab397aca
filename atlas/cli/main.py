"""The `atlas` command: finds the command's module, and turns errors into exit codes."""

import atexit
import difflib
import importlib
import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress

import click

from atlas.cli.failures import AGAIN, machine_failure
from atlas.cli.signals import Terminated, catch_signals, received
from atlas.cli.stderr import log_outcome, set_up_logs
from schema.errors import AtlasError
from schema.file_names import is_utf8, shown
from schema.locking import writing_as

log = logging.getLogger(__name__)

COMMANDS = {
    "backup": "Copy an atlas, also while it is being written",
    "compact": "Give back the room that removed rows have left",
    "contrast": "Compare two sets of documents, feature by feature",
    "cluster": "Find each feature's nearest neighbours",
    "evaluate": "Measure what an SAE keeps of a corpus",
    "explain": "Shapley values of tokens and of features",
    "ingest": "Encode documents and store every activation",
    "remove": "Take a corpus or an SAE out",
    "sae": "List the SAEs that can be named",
    "publish": "Write an immutable snapshot for Datasette",
    "query": "Run a saved query, or list them",
    "schedule": "Keep corpora up to date, unattended",
    "serve": "Serve a published atlas in the browser",
    "verify": "Check the invariants of an atlas file",
}

OWN = ("atlas", "ingest", "queries", "schema")
EXTRA = "this command needs the packages that run models; install them: pip install 'feature-atlas[model]'"

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
        module = importlib.import_module(f"atlas.cli.{cmd_name}")
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
        if name != "ingest":  # whose sources may bear any name
            _check_utf8(ctx, args)
        return super().resolve_command(ctx, args)


def _check_utf8(ctx: click.Context, arguments: Sequence[str]) -> None:
    for argument in arguments:
        if not is_utf8(argument):
            raise click.UsageError(f"'{shown(argument)}' is not UTF-8; rename the file, or write it in UTF-8", ctx)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="feature-atlas", prog_name="atlas")
@click.option("-v", "--verbose", is_flag=True, help="Log what is done, to stderr.")
@click.option("--debug", is_flag=True, help="Show a traceback with an error.")
@click.option(
    "--json-logs", is_flag=True, help="Log to stderr as JSON, an object a line, the outcome last; no progress."
)
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=0.0,
    metavar="SECONDS",
    help="Wait that long for an atlas that another process writes.  [default: do not wait]",
)
@click.pass_context
def cli(ctx: click.Context, verbose: bool, debug: bool, json_logs: bool, wait: float) -> None:
    """A database of what the features of sparse autoencoders fire on.

    ATLAS is always the path of one DuckDB file, such as atlas.duckdb.
    """
    ctx.obj = {"debug": debug}
    set_up_logs(ctx.invoked_subcommand, verbose=verbose, as_json=json_logs)
    ctx.with_resource(writing_as(f"atlas {ctx.invoked_subcommand}", wait))


def main() -> None:
    """Run the command line and leave with its exit code."""
    _fill_closed_streams()
    try:
        catch_signals()
        code = run()
    except (Terminated, KeyboardInterrupt) as error:  # just before it listens to them itself, or just after
        code = _failed(error, 0.0) or 0
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    # DuckDB's binding reports a hundred harmless "leaks" to stderr when torch and SQLAlchemy are
    # torn down around it; everything is closed and flushed by now, so the teardown is left out.
    os._exit(code)


def run() -> int:
    """Run the command line; what a user or the machine caused becomes one line and an exit code, wrong usage 2."""
    began = time.monotonic()
    try:
        outcome = cli.main(standalone_mode=False)
    except BaseException as error:
        code = _failed(error, time.monotonic() - began)
        if code is None:
            raise
        return code
    code = outcome if isinstance(outcome, int) else 0
    log_outcome("done" if not code else "failed", code, time.monotonic() - began)
    return code


def _failed(error: BaseException, seconds: float) -> int | None:
    """Tell what ended the command, and give the exit code; None for what should show its traceback."""
    if isinstance(error, click.ClickException):
        if not log_outcome(error.format_message(), error.exit_code, seconds):
            error.show()
        return error.exit_code
    if isinstance(error, BrokenPipeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    message, code = _told(error)
    if message is None or (code == 1 and "--debug" in sys.argv):
        if log_outcome(f"{type(error).__name__}: {error}", 1, seconds):
            log.error("a fault of the program", exc_info=error)
            return 1
        return None
    if not log_outcome(message, code, seconds):
        click.echo(message if code > 1 else f"atlas: {message}", err=True)
    return code


def _told(error: BaseException) -> tuple[str | None, int]:
    """The one line for an error, and the exit code; no line for a fault of the program."""
    if isinstance(error, Terminated) or received() == signal.SIGTERM:
        return f"terminated; {AGAIN}", 143
    if isinstance(error, click.Abort | KeyboardInterrupt) or received() == signal.SIGINT:
        return "interrupted; what was committed is kept, and the same command goes on from there", 130
    if isinstance(error, AtlasError):
        return str(error), 1
    if isinstance(error, ModuleNotFoundError) and error.name and error.name.split(".")[0] not in OWN:
        return f"{error.name} is not installed: {EXTRA}", 1
    failure = machine_failure(error)
    if failure is None and isinstance(error, OSError):
        failure = f"{error.filename or 'the output'}: {error.strerror or error}"
    return failure, 1


def _fill_closed_streams() -> None:
    """Streams that were closed (`>&-`) lead nowhere; else the atlas file would be opened under their number."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) < len(STREAMS):
        if STREAMS[descriptor] != "stdin":
            setattr(sys, STREAMS[descriptor], os.fdopen(descriptor, "w"))
    os.close(descriptor)


if __name__ == "__main__":
    main()
