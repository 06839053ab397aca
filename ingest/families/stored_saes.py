"""The SAEs of an atlas by how they are spelled, and loaded when their directions are needed."""

from ingest.models.names import parse_sae_name
from ingest.models.sae import SAE
from ingest.models.sae_files import load_sae
from schema.errors import SelectionError
from schema.store import Atlas


def stored_sae_names(atlas: Atlas) -> list[str]:
    """The names of all SAEs with features to compare, in the order of lists."""
    rows = atlas.rows(
        """
        SELECT label
        FROM sae
        WHERE d_sae > 1
          AND label <> pinned
        ORDER BY ordinal
        """
    )
    return [name for (name,) in rows]


def stored_sae_keys(atlas: Atlas, spelled: str) -> list[int]:
    """The keys of an SAE: that of a label, or of a name and hash; of a name, each of its rows, the newest last.

    Raises:
        SelectionError: the atlas does not hold it.
        ModelError: the spelling means nothing.
    """
    exact = atlas.rows("SELECT sae FROM sae WHERE pinned = ?", [spelled])
    if exact:
        return [int(key) for (key,) in exact]
    rows = _keys_of_name(atlas, spelled) or _keys_of_name(atlas, str(parse_sae_name(spelled)))
    if not rows:
        raise sae_without_neighbours(atlas, spelled)
    return [int(key) for (key,) in rows]


def _keys_of_name(atlas: Atlas, name: str) -> list[tuple[int]]:
    sql = """
        SELECT each.sae
        FROM sae AS newest
        JOIN sae AS each USING (release, sae_id)
        WHERE newest.label = ?
          AND newest.label <> newest.pinned
        ORDER BY each.ordinal DESC
    """
    return atlas.rows(sql, [name])


def load_stored(atlas: Atlas, spelled: str, keys: list[int]) -> tuple[SAE, list[int]]:
    """The SAE of that spelling, and which of the keys are of its weights.

    Raises:
        SelectionError: none is: its weights are others now.
        ModelError: it cannot be loaded.
    """
    sae = load_sae(spelled)
    held = atlas.rows("SELECT sae FROM sae WHERE weights_sha256 = ? ORDER BY sae", [sae.weights_sha256])
    found = [key for (key,) in held if key in keys]
    if not found:
        raise sae_without_neighbours(atlas, str(sae.name), " with these weights")
    return sae, found


def sae_without_neighbours(atlas: Atlas, spelled: str, how: str = "") -> SelectionError:
    """What is said where an atlas does not hold an SAE."""
    return SelectionError(
        f"{atlas.path} does not hold {spelled}{how}; ingest with it first: "
        f"atlas ingest {atlas.path} SOURCE --sae {spelled}"
    )


def stored_sae_label(atlas: Atlas, sae: int) -> str:
    """The name that the SAE with this key bears in the atlas."""
    return str(atlas.rows("SELECT label FROM sae WHERE sae = ?", [sae])[0][0])


def stored_sae_weights_hash(atlas: Atlas, sae: int) -> str:
    """The hash of the SAE's weights."""
    return str(atlas.rows("SELECT weights_sha256 FROM sae WHERE sae = ?", [sae])[0][0])
