"""The SAEs of an atlas by how they are spelled, and loaded when their directions are needed."""

import logging

from ingest.models.names import PINNED, parse_sae_name
from ingest.models.sae import SAE
from ingest.models.sae_files import load_sae
from schema.errors import SelectionError
from schema.store import Atlas

log = logging.getLogger(__name__)


def stored_sae_names(atlas: Atlas) -> list[str]:
    """The names of all SAEs with features to compare, in the order of lists; imported ones have no weights here."""
    rows = atlas.rows(
        """
        SELECT label
        FROM sae
        WHERE d_sae > 1
          AND label <> pinned
          AND (release, sae_id) IN (SELECT (release, sae_id) FROM sae ANTI JOIN sae_import USING (sae))
        ORDER BY ordinal
        """
    )
    return [name for (name,) in rows]


def stored_sae_keys(atlas: Atlas, spelled: str) -> list[int]:
    """The keys of an SAE: of a spelling with a hash that row alone, of a name each of its rows, the newest last.

    Rows that were imported are left out.

    Raises:
        SelectionError: the atlas does not hold it, or has imported it.
        ModelError: the spelling means nothing.
    """
    keys = _keys_spelled(atlas, spelled)
    if not keys:
        raise sae_without_neighbours(atlas, spelled)
    imported = {key for (key,) in atlas.rows("SELECT sae FROM sae_import")}
    found = [key for key in keys if key not in imported]
    if not found:
        raise SelectionError(
            f"{spelled} was imported: {atlas.path} holds no weights of it, and of its activations only what its export "
            f"shows; ingest with the SAE itself: atlas ingest {atlas.path} SOURCE --sae SAE"
        )
    return found


def _keys_spelled(atlas: Atlas, spelled: str) -> list[int]:
    """Keys by any spelling; a hash is all that `pinned` has, as where an SAE is loaded by it."""
    keys = _keys_of_hash(atlas, spelled) or _keys_of_name(atlas, spelled)
    hashed = PINNED.fullmatch(spelled)
    if keys or (hashed and _keys_of_name(atlas, hashed["name"])):
        return keys
    parsed = parse_sae_name(spelled)
    return _keys_of_hash(atlas, f"{parsed}@{parsed.pin}") if parsed.pin else _keys_of_name(atlas, str(parsed))


def _keys_of_hash(atlas: Atlas, pinned: str) -> list[int]:
    return [int(key) for (key,) in atlas.rows("SELECT sae FROM sae WHERE pinned = ?", [pinned])]


def _keys_of_name(atlas: Atlas, name: str) -> list[int]:
    sql = """
        SELECT each.sae
        FROM sae AS newest
        JOIN sae AS each USING (release, sae_id)
        WHERE newest.label = ?
          AND newest.label <> newest.pinned
        ORDER BY each.ordinal DESC
    """
    return [int(key) for (key,) in atlas.rows(sql, [name])]


def load_stored(atlas: Atlas, spelled: str, keys: list[int]) -> tuple[SAE, list[int]]:
    """The SAE of that spelling, and which of the keys are of its weights.

    Raises:
        SelectionError: none is: its weights are others now.
        ModelError: it cannot be loaded.
    """
    sae = load_sae(spelled)
    held = atlas.rows("SELECT sae FROM sae WHERE weights_sha256 = ? ORDER BY sae", [sae.weights_sha256])
    found = [key for (key,) in held if key in keys]
    if not found and sae.name.pin:
        raise SelectionError(
            f"{stored_sae_hashed(atlas, keys[-1])} has other weights than {sae.name} has now; "
            "put its old files back, or leave the hash away"
        )
    if not found:
        raise sae_without_neighbours(atlas, str(sae.name), " with these weights")
    return sae, found


def load_stored_row(atlas: Atlas, spelled: str, key: int) -> SAE | None:
    """The SAE of a row of that spelling; None, and a warning, where its weights are those of another row now.

    Raises:
        SelectionError: the spelling has a hash, or no row of that name has the weights.
        ModelError: it cannot be loaded.
    """
    sae, found = load_stored(atlas, spelled, stored_sae_keys(atlas, spelled))
    if key in found:
        return sae
    warn_of_other_weights(atlas, key, sae)
    return None


def warn_of_other_weights(atlas: Atlas, key: int, sae: SAE) -> None:
    """Say that a row is passed over, since its SAE has other weights now."""
    pinned = stored_sae_hashed(atlas, key)
    log.warning(
        "%s is passed over where decoder directions are compared: %s has other weights now; put its old files back, or "
        "take it out: atlas remove %s --sae %s",
        *(pinned, sae.name, atlas.path, pinned),
    )


def sae_without_neighbours(atlas: Atlas, spelled: str, how: str = "") -> SelectionError:
    """What is said where an atlas does not hold an SAE."""
    return SelectionError(
        f"{atlas.path} does not hold {spelled}{how}; ingest with it first: "
        f"atlas ingest {atlas.path} SOURCE --sae {spelled}"
    )


def stored_sae_label(atlas: Atlas, sae: int) -> str:
    """The name that the SAE with this key bears in the atlas."""
    return str(atlas.rows("SELECT label FROM sae WHERE sae = ?", [sae])[0][0])


def stored_sae_hashed(atlas: Atlas, sae: int) -> str:
    """The name and hash of the SAE with this key."""
    return str(atlas.rows("SELECT pinned FROM sae WHERE sae = ?", [sae])[0][0])


def stored_sae_weights_hash(atlas: Atlas, sae: int) -> str:
    """The hash of the SAE's weights."""
    return str(atlas.rows("SELECT weights_sha256 FROM sae WHERE sae = ?", [sae])[0][0])
