"""Publishing an atlas for Datasette: immutable snapshots in a site folder.

A snapshot opens in `atlas serve SITE`, and in Datasette as it is:

    datasette SITE/snapshots/NAME                                   0.65 reads metadata.json, settings.json,
                                                                    inspect-data.json; 1.0 datasette.yaml instead
                                                                    of settings.json
    datasette -i atlas.db -c datasette.yaml -m metadata.json        1.0, inside the snapshot's folder
    datasette -i atlas.db -m metadata.json                          0.65, inside the snapshot's folder

Each of them serves `activations` too, where this package is installed beside Datasette.
"""

from atlas.publish.current import Publication, read_current, snapshot_folder
from atlas.publish.snapshot import Outcome, publish

__all__ = ["Outcome", "Publication", "publish", "read_current", "snapshot_folder"]
