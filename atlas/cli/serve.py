"""`atlas serve`: a published atlas in the browser."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from atlas.site.guard.mount import slashed
from atlas.site.live.choosing import published_saes
from atlas.site.live.model import LiveModel
from atlas.site.live.switch import switch_on
from atlas.site.serve import current_folder, serve
from atlas.site.serve.generation import Prepare

if TYPE_CHECKING:
    from datasette.app import Datasette

DATASETTE_PORT = 8001
OWN_ADDRESSES = frozenset(
    {"-", "_internal", "activations", "atlas", "chart", "contrast", "favicon", "feature", "find", "live"}
    | {"robots", "runs", "sae", "start", "static"}
)
"""How addresses of the site begin, so that no prefix may."""
_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]+)*/?")


def _prefix(context: click.Context, option: click.Parameter, value: str) -> str:
    """The prefix with a slash at both ends."""
    mounted = slashed(value)
    segments = mounted.strip("/").split("/")
    if not _PREFIX.fullmatch(mounted) or {".", ".."} & set(segments):
        raise click.BadParameter(f"'{value}' is no path such as /mine/ or /atlases/mine/")
    if segments[0].partition(".")[0] in OWN_ADDRESSES:
        raise click.BadParameter(f"/{segments[0]} is an address of the site itself; choose another, such as /mine/")
    return mounted


@click.command("serve", short_help="Serve a published atlas in the browser")
@click.argument("site", type=click.Path(path_type=Path))
@click.option(
    "--port",
    "-p",
    type=click.IntRange(0, 65535),
    default=DATASETTE_PORT,
    show_default=True,
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 is every one of this machine."
)
@click.option(
    "--base-url",
    metavar="PATH",
    default="/",
    callback=_prefix,
    help="Path that a proxy serves this site under, such as /atlases/mine/; the proxy may take it off or leave it.",
)
@click.option("--open", "browser", is_flag=True, help="Open it in the browser.")
@click.option("--live", is_flag=True, help="Show what fires on a typed text: keeps the model in a process.")
@click.option("--sae", "saes", multiple=True, help="With --live: SAE to read by, repeatable.  [default: as published]")
@click.option("--model", help="With --live: model that the SAEs read, if not the one they name.")
def command(
    site: Path,
    port: int,
    host: str,
    base_url: str,
    browser: bool,
    live: bool,
    saes: tuple[str, ...],
    model: str | None,
) -> None:
    """Serve the current snapshot of the folder SITE with Datasette, until Ctrl-C.

    What is published to SITE meanwhile appears by itself, within two seconds.
    """
    if not live and (saes or model):
        raise click.UsageError("--sae and --model choose what --live reads by; add --live")
    reader = LiveModel(saes or published_saes(current_folder(site)), model) if live else None
    try:
        serve(
            site,
            host,
            port,
            started=lambda address: click.echo(f"{site} is at {address} (Ctrl-C stops)"),
            browser=browser,
            prepare=None if reader is None else _switching_on(reader),
            base_url=base_url,
        )
    finally:
        if reader is not None:
            reader.close()


def _switching_on(reader: LiveModel) -> Prepare:
    """Each snapshot's Datasette asks the one model, which begins to load with the first."""

    def prepare(datasette: "Datasette") -> None:
        switch_on(datasette, reader)
        reader.start()

    return prepare
