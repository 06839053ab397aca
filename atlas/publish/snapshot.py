"""Publishing an atlas: a new immutable snapshot, or none where nothing changed."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from atlas.publish.activations import ACTIVATIONS, write_activations
from atlas.publish.canned_queries import DATABASE_NAME
from atlas.publish.current import (
    KEPT_SNAPSHOTS,
    Publication,
    hold_site,
    make_current,
    new_snapshot,
    read_current,
    retire_snapshots,
    snapshot_folder,
)
from atlas.publish.database import ATLAS_FILE, write_database
from atlas.publish.metadata import write_metadata
from atlas.publish.snapshot_facts import content_fingerprint, read_snapshot_facts
from schema import AtlasDamagedError, AtlasError, migrations, open_atlas
from schema.finite_numbers import finite_advice

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What `publish` did: the publication now current, whether it is new, its folder and its rows."""

    publication: Publication
    changed: bool
    folder: Path
    rows: int = 0


def publish(atlas: str | Path, site: str | Path, keep: int = KEPT_SNAPSHOTS) -> Outcome:
    """Write a snapshot of an atlas file and make it the site's current one; the newest `keep` stay.

    Killed at any moment, the site shows a whole snapshot: the one before or the new one.

    Raises:
        AtlasFileError: the atlas cannot be opened or breaks its own rules.
        AtlasLockedError: another process writes the atlas, or publishes to the site.
        AtlasError: the site cannot be written.
    """
    path, site = Path(atlas), Path(site)
    with open_atlas(path, read_only=True) as opened, hold_site(site):
        content = content_fingerprint(opened)
        current = read_current(site)
        if current is not None and current.fingerprint == content:
            retire_snapshots(site, current.snapshot, keep)
            return Outcome(current, False, snapshot_folder(site, current))
        if wrong := finite_advice(opened.rows, opened.path):
            raise AtlasDamagedError(wrong)
        publication = _named(path, content)
        try:
            with new_snapshot(site) as folder:
                counts = write_database(opened, folder / ATLAS_FILE)
                every_count = write_activations(opened, folder, content)
                counted = {DATABASE_NAME: counts, ACTIVATIONS: every_count}
                write_metadata(folder, counted, read_snapshot_facts(opened), publication)
                make_current(site, folder, publication)
            retire_snapshots(site, publication.snapshot, keep)
        except OSError as error:
            raise AtlasError(f"{site} cannot be written: {error.strerror}") from error
    return Outcome(publication, True, snapshot_folder(site, publication), sum(every_count.values()))


def _named(atlas: Path, content: str) -> Publication:
    now = datetime.now(UTC)
    return Publication(
        snapshot=f"{now:%Y%m%dT%H%M%S%f}Z-{content[:8]}",
        published_at=f"{now:%Y-%m-%dT%H:%M:%SZ}",
        schema_version=migrations.VERSION,
        atlas=atlas.name,
        fingerprint=content,
    )
