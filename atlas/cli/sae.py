"""`atlas sae`: the SAEs that can be named."""

import fnmatch

import click


@click.group()
def command() -> None:
    """SAEs that `atlas ingest --sae` can name."""


@command.command("list")
@click.argument("pattern", default="*")
def list_saes(pattern: str) -> None:
    """List SAEs as RELEASE/SAE_ID; PATTERN is a part of the name, or has * and ?.

    Those of pocket are in this package; all others are SAELens' registry and
    are fetched from the Hugging Face hub when they are first used.
    """
    from sae_lens.loading.pretrained_saes_directory import get_pretrained_saes_directory

    from ingest.models.names import POCKET, pocket_sae_ids
    from schema import SelectionError

    wanted = pattern if any(mark in pattern for mark in "*?[") else f"*{pattern}*"
    names = [f"{POCKET}/{sae_id}" for sae_id in pocket_sae_ids()]
    names += [
        f"{release}/{sae_id}" for release, found in get_pretrained_saes_directory().items() for sae_id in found.saes_map
    ]
    chosen = [name for name in names if fnmatch.fnmatch(name.lower(), wanted.lower())]
    if not chosen:
        raise SelectionError(f"no SAE is named like '{pattern}'; see all: atlas sae list")
    click.echo("\n".join(chosen))
