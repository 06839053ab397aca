"""Arguments and options that several commands have, each declared once."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, get_args

import click

from ingest.contrasts import SHUFFLES
from ingest.models.names import Precision
from schema.file_names import is_utf8

Command = Callable[..., Any]

atlas_file = click.argument("atlas", type=click.Path(path_type=Path))
atlas_or_folder = click.argument("atlas", type=str)
"""An atlas file, or a folder or an address that `schema.parquet_folder.read_atlas_or_parquet_folder` opens."""


def name_callback(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """A callback for names: '' is what an unset shell variable gives, and would be taken for no option at all."""
    if value is not None and not value.strip():
        raise click.BadParameter("it is empty; give a name, or leave the option out", ctx, parameter)
    if value is not None and not is_utf8(value):
        raise click.BadParameter("it is not UTF-8", ctx, parameter)
    return value


def names_callback(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """The same for an option that may be repeated."""
    return tuple(str(name_callback(ctx, parameter, value)) for value in values)


_READ_BY = (
    click.option(
        "--model",
        callback=name_callback,
        help="Model that the SAE reads, if not the one it names: a Hugging Face folder or name.",
    ),
    click.option(
        "--device", callback=name_callback, help="Where the model runs.  [default: cuda if there is one, else cpu]"
    ),
    click.option(
        "--precision",
        type=click.Choice(get_args(Precision)),
        default="float32",
        show_default=True,
        help="What the model multiplies in; activations of bfloat16 are others, and those of an SAE of their own.",
    ),
)
"""What an SAE is read with."""


def reader_options(
    sae_help: str, *, several: bool = False, saes: tuple[str, ...] = ("pocket",)
) -> Callable[[Command], Command]:
    """--sae, --model, --device and --precision, which a command gets as one `reader`; `several`: --sae may be repeated.

    `saes` are those where none is named.
    """
    sae_default = saes if several else saes[0]
    options = (
        click.option(
            "--sae",
            multiple=several,
            default=sae_default,
            show_default=True,
            callback=names_callback if several else name_callback,
            help=sae_help,
        ),
        *_READ_BY,
    )

    def _decorate(command: Command) -> Command:
        @wraps(command)
        def _with_reader(
            *args: Any,
            sae: str | tuple[str, ...],
            model: str | None,
            device: str | None,
            precision: Precision,
            **rest: Any,
        ) -> Any:
            from ingest.jobs.reader import Reader

            saes = (sae,) if isinstance(sae, str) else sae
            return command(*args, reader=Reader(saes, model, device, precision), **rest)

        decorated: Command = _with_reader
        for option in reversed(options):
            decorated = option(decorated)
        return decorated

    return _decorate


def prompt_options(limit_help: str) -> Callable[[Command], Command]:
    """--documents, --text and --limit: which prompts, windows of documents and texts given by hand."""

    def _decorate(command: Command) -> Command:
        for option in (
            click.option("--limit", type=click.IntRange(min=1), help=limit_help),
            click.option("--text", "texts", multiple=True, help="A prompt by hand; repeatable."),
            click.option(
                "--documents",
                multiple=True,
                metavar="SET",
                help="Documents, window by window: a corpus, domain=D or term=T; repeatable.",
            ),
        ):
            command = option(command)
        return command

    return _decorate


def shuffles_option(help_: str) -> Callable[[Command], Command]:
    """--null, how many shuffles of its labels a contrast is computed under; what is stored of fewer is not enough."""
    return click.option(
        "--null",
        "shuffles",
        type=click.IntRange(min=0),
        default=SHUFFLES,
        show_default=True,
        metavar="N",
        help=help_,
    )


def feature_options(decorated: Command) -> Command:
    """--feature, --contrast and --best: features by number, or the first candidates of a contrast."""
    for option in (
        click.option(
            "--best",
            type=click.IntRange(min=1),
            default=5,
            show_default=True,
            help="How many of the contrast's.",
        ),
        click.option("--contrast", help="Take the first candidates of this contrast."),
        click.option("--feature", "features", type=int, multiple=True, help="Zero-based index; repeatable."),
    ):
        decorated = option(decorated)
    return decorated


def chosen_features(path: Path, options: dict[str, Any]) -> tuple[int, ...]:
    """The features named, then the first candidates of the contrast on the SAE that the reader means."""
    named: tuple[int, ...] = options["features"]
    if options["contrast"] is None:
        return named
    from ingest.jobs.reader import name_with_hash
    from queries import run_query
    from schema import open_atlas

    sae = name_with_hash(path, options["reader"])
    with open_atlas(path, read_only=True) as atlas:
        values = {"contrast": options["contrast"], "sae": sae, "limit": options["best"]}
        found = run_query(atlas, "candidates", values)["feature"].to_pylist()
    return tuple(dict.fromkeys([*named, *found]))
