"""`atlas publish` and `atlas serve`: a snapshot of an atlas for Datasette, and the server that shows it."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from atlas.cli.failures import Terminated
from atlas.cli.options import atlas_file
from atlas.publish import publish as publish_atlas
from atlas.publish.canned_queries import DATABASE_NAME
from atlas.publish.current import KEPT_SNAPSHOTS
from atlas.site.guard.path_prefix import slashed_prefix

if TYPE_CHECKING:
    from datasette.app import Datasette

    from atlas.site.guard.hosts import KnownHosts
    from atlas.site.lists.kept_lists import KeptLists
    from atlas.site.live.embedder import LiveEmbedder
    from atlas.site.live.model import LiveModel
    from atlas.site.live.model_process import ModelProcess
    from atlas.site.serve.generation import Prepare

log = logging.getLogger(__name__)

DATASETTE_PORT = 8001
OWN_ADDRESSES = frozenset(
    {"-", "_internal", "activations", "api", "association", "atlas", "boxes", "chart", "contrast", "favicon"}
    | {"feature", "find", "graph", "list", "lists", "live", "map", "reproduction", "robots", "runs", "sae", "start"}
    | {"static", "steer"}
)
"""How addresses of the site begin, so that no prefix may."""
site_folder = click.argument("site", type=click.Path(path_type=Path))
_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]+)*/?")


def _prefix(context: click.Context, option: click.Parameter, value: str) -> str:
    """The prefix with a slash at both ends."""
    mounted = slashed_prefix(value)
    segments = mounted.strip("/").split("/")
    if not _PREFIX.fullmatch(mounted) or {".", ".."} & set(segments):
        raise click.BadParameter(f"'{value}' is no path such as /mine/ or /atlases/mine/")
    if segments[0].partition(".")[0] in OWN_ADDRESSES:
        raise click.BadParameter(f"/{segments[0]} is an address of the site itself; choose another, such as /mine/")
    return mounted


@click.command("publish", short_help="Write an immutable snapshot for Datasette")
@atlas_file
@site_folder
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    default=KEPT_SNAPSHOTS,
    show_default=True,
    help="Newest snapshots to keep; one that is being served stays in any case.",
)
def publish(atlas: Path, site: Path, keep: int) -> None:
    """Publish the atlas file ATLAS to the folder SITE.

    Each snapshot is a new folder in SITE/snapshots; SITE/current.json names the one to
    serve. Where nothing changed since the last one, nothing is written.
    """
    outcome = publish_atlas(atlas, site, keep)
    if not outcome.changed:
        click.echo(f"{site} already shows {atlas}: nothing changed since {outcome.publication.published_at}")
        return
    click.echo(f"published {outcome.folder} ({outcome.rows:,} rows); see it with: atlas serve {site}")


@click.command("serve", short_help="Serve a published atlas in the browser")
@site_folder
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
@click.option("--lists", is_flag=True, help="Let readers keep lists of features with notes, in SITE/lists.db.")
@click.option(
    "--origin",
    "origins",
    multiple=True,
    metavar="ADDRESS",
    help="Address that readers know this server by behind a proxy, such as https://atlas.example; repeatable.",
)
@click.option("--live", is_flag=True, help="Show what fires on a typed text: keeps the model in a process.")
@click.option("--sae", "saes", multiple=True, help="With --live: SAE to read by, repeatable.  [default: as published]")
@click.option("--model", help="With --live: model that the SAEs read, if not the one they name.")
@click.option(
    "--embedder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Search labels by meaning, with the sentence-embedding model of this folder; vectors lie in SITE/meaning.db.",
)
def serve(
    site: Path,
    port: int,
    host: str,
    base_url: str,
    browser: bool,
    lists: bool,
    origins: tuple[str, ...],
    live: bool,
    saes: tuple[str, ...],
    model: str | None,
    embedder: Path | None,
) -> None:
    """Serve the current snapshot of the folder SITE with Datasette, until Ctrl-C.

    What is published to SITE meanwhile appears by itself, within two seconds. With --lists,
    whoever can reach the server can change its lists; SITE/lists.db is yours to back up.
    """
    _check_asked(live, bool(saes or model))
    from atlas.site.serve import serve as serve_site
    from atlas.site.serve import served_snapshot_folder

    folder = served_snapshot_folder(site)
    kept = _kept(site, host, origins) if lists else None
    reader = _live(folder, saes, model) if live else None
    by_meaning = _embedder(site, embedder) if embedder else None
    with _closed_at_the_end(reader, by_meaning):
        serve_site(
            site,
            host,
            port,
            started=lambda address: click.echo(f"{site} is at {address} (Ctrl-C stops)"),
            browser=browser,
            prepare=_switching_on((reader, by_meaning), kept, _known(host, origins)),
            base_url=base_url,
            secret=kept.lists.secret if kept else None,
        )


@contextmanager
def _closed_at_the_end(*models: "ModelProcess | None") -> Iterator[None]:
    """A server's time: a signal that stops it is no error, and the processes of its models end with it."""
    try:
        yield
    except (KeyboardInterrupt, Terminated):
        log.info("stopped")
    finally:
        for process in models:
            if process is not None:
                process.close()


def _check_asked(live: bool, read_by: bool) -> None:
    if read_by and not live:
        raise click.UsageError("--sae and --model choose what --live reads by; add --live")


def _live(folder: Path, saes: tuple[str, ...], model: str | None) -> "LiveModel":
    from atlas.site.live.model import LiveModel
    from atlas.site.live.plugin import saes_for_live_model

    return LiveModel(saes or saes_for_live_model(folder), model)


def _embedder(site: Path, folder: Path) -> "LiveEmbedder":
    from atlas.site.live.embedder import FILE, LiveEmbedder

    return LiveEmbedder(folder, site / FILE)


def _known(host: str, origins: tuple[str, ...]) -> "KnownHosts | None":
    from atlas.site.guard.hosts import known_hosts

    return known_hosts(host, origins)


def _kept(site: Path, host: str, origins: tuple[str, ...]) -> "KeptLists":
    from atlas.site.lists.kept_lists import kept_lists
    from atlas.site.lists.store import FILE, FeatureLists

    return kept_lists(FeatureLists.open(site / FILE), host, origins)


def _switching_on(
    models: "tuple[LiveModel | None, LiveEmbedder | None]", kept: "KeptLists | None", known: "KnownHosts | None"
) -> "Prepare":
    """Each snapshot's Datasette asks the same models, which begin to load with the first, and keeps the same lists.

    Where only this machine reaches it, it answers by its own names alone.
    """
    from atlas.site.guard import hosts
    from atlas.site.lists import kept_lists as lists
    from atlas.site.live import plugin as live

    reader, embedder = models

    def _prepare(datasette: "Datasette") -> None:
        if known is not None:
            hosts.switch_on_hosts(datasette, known)
        if kept is not None:
            lists.switch_on_lists(datasette, kept)
        if reader is not None:
            live.switch_on_live_model(datasette, reader)
            reader.start()
        if embedder is not None:
            live.switch_on_live_embedder(datasette, embedder)
            embedder.read_labels(Path(datasette.get_database(DATABASE_NAME).path))

    return _prepare
