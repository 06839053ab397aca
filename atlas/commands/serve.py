"""`atlas serve`: a published atlas in the browser."""

from pathlib import Path

import click

from atlas.serve import serve

DATASETTE_PORT = 8001


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
@click.option("--open", "browser", is_flag=True, help="Open it in the browser.")
def command(site: Path, port: int, host: str, browser: bool) -> None:
    """Serve the current snapshot of the folder SITE with Datasette, until Ctrl-C."""
    serve(
        site,
        host,
        port,
        started=lambda address: click.echo(f"{site} is at {address} (Ctrl-C stops)"),
        browser=browser,
    )
