"""The `atlas` command: finds the command's module, and turns errors into exit codes."""

import atexit
import difflib
import importlib
import logging
import os
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress

import click

from atlas.cli.failures import Terminated, end_command_on_signals, report_failure
from atlas.cli.logs import log_outcome, set_up_logs
from schema.file_names import is_utf8, shown_path
from schema.locking import declare_writer
from schema.memory import DEFAULT_SHARE, limit_process_memory, parse_size

log = logging.getLogger(__name__)

COMMANDS = {
    "backup": ("files:backup", "Copy an atlas, also while it is being written"),
    "batch": ("batch:batch", "Run commands out of a file, in one process"),
    "circuit": (
        "circuit:command",
        "What makes a feature fire, and what it does: patching, direct attribution, graphs, steering",
    ),
    "compact": ("files:compact", "Give back the room that removed rows have left"),
    "contrast": ("contrast:command", "Compare two sets of documents, feature by feature"),
    "cluster": ("families:cluster", "Group features into clusters, and draw a map"),
    "doctor": ("doctor:doctor", "Say what can run here, and whether a release is what was published"),
    "evaluate": ("saes:evaluate", "Measure what an SAE keeps of a corpus"),
    "explain": ("explain:command", "Shapley values of tokens and of features"),
    "export": ("exchange:export_", "Write an atlas in the format of another tool"),
    "find": ("find:command", "Find features by words, a token, a sentence, examples, a feature"),
    "import": ("exchange:import_", "Read features and windows that others have exported"),
    "ingest": ("ingest:command", "Encode documents and store every activation"),
    "label": ("label:command", "Say what features mean, and how far that is borne out"),
    "lists": ("lists:command", "Lists of features that readers of a site keep"),
    "match": ("families:match", "Find the same feature in other SAEs"),
    "neighbours": ("families:neighbours", "Find each feature's nearest neighbours"),
    "remove": ("files:remove", "Take a corpus or an SAE out"),
    "reproduce": ("reproduce:command", "Run the study again: as printed, and as corrected"),
    "sae": ("saes:sae", "List the SAEs that can be named"),
    "publish": ("web:publish", "Write an immutable snapshot for Datasette"),
    "quick-list": ("exchange:quick_list", "Print addresses that show features at neuronpedia.org"),
    "query": ("query:command", "Run a saved query, or list them"),
    "schedule": ("schedule:command", "Keep corpora up to date, unattended"),
    "serve": ("web:serve", "Serve a published atlas in the browser"),
    "verify": ("files:verify", "Check the invariants of an atlas file"),
}
"""Each command: its module in `atlas.cli` and what it is called there, and what it does."""

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
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(f"atlas.cli.{module}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table above, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in sorted(COMMANDS.items())])

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
            raise click.UsageError(f"'{shown_path(argument)}' is not UTF-8; rename the file, or write it in UTF-8", ctx)


def _size(ctx: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    try:
        return parse_size(value) if value is not None else None
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, parameter) from error


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
    help="Wait that long for an atlas or a site that another process writes.  [default: do not wait]",
)
@click.option(
    "--memory",
    callback=_size,
    metavar="SIZE",
    help="Stay within that much memory, such as 2GB; what does not fit lies beside the atlas meanwhile.  "
    f"[default: {DEFAULT_SHARE:.0%} of the machine's]",
)
@click.pass_context
def cli(ctx: click.Context, verbose: bool, debug: bool, json_logs: bool, wait: float, memory: int | None) -> None:
    """A database of what the features of sparse autoencoders fire on.

    ATLAS is always the path of one DuckDB file, such as atlas.duckdb.
    """
    ctx.obj = {"debug": debug}
    set_up_logs(ctx.invoked_subcommand, verbose=verbose, as_json=json_logs)
    ctx.with_resource(declare_writer(f"atlas {ctx.invoked_subcommand}", wait))
    ctx.with_resource(limit_process_memory(memory))


def main() -> None:
    """Run the command line and leave with its exit code."""
    _fill_closed_streams()
    try:
        end_command_on_signals()
        code = run()
    except (Terminated, KeyboardInterrupt) as error:  # just before it listens to them itself, or just after
        code = report_failure(error, 0.0) or 0
    except Exception:  # a fault of the program
        traceback.print_exc()
        code = 1
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
        code = report_failure(error, time.monotonic() - began)
        if code is None:
            raise
        return code
    code = outcome if isinstance(outcome, int) else 0
    log_outcome("done" if not code else "failed", code, time.monotonic() - began)
    return code


def _fill_closed_streams() -> None:
    """Streams that were closed (`>&-`) lead nowhere; else the atlas file would be opened under their number."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) < len(STREAMS):
        if STREAMS[descriptor] != "stdin":
            setattr(sys, STREAMS[descriptor], os.fdopen(descriptor, "w"))
    os.close(descriptor)


if __name__ == "__main__":
    main()
