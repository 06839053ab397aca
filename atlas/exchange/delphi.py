"""delphi's cache of activations, which its explainers and scorers read.

FOLDER/HOOK_NAME/START_END.safetensors      of features START to END: tokens (sequence, position) int32; locations
                                            (n, 3) of sequence, position and feature - START; activations (n,) float16
FOLDER/HOOK_NAME/config.json

A sequence is a window of a document, with the BOS that it was read with, if any (`prepend_bos` in config.json). A
shorter one is filled up with a token that no window ends with, BOS if it can (`filler`; null where none is shorter).
Arrays are written as they come out of the atlas, so that none has to fit in memory.

Source: github.com/EleutherAI/delphi: delphi/latents/cache.py, loader.py; github.com/huggingface/safetensors, "Format".
"""

import json
import shutil
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO

import numpy as np

from atlas.exchange import Wanted, check_apart_from_export, place_in_export
from ingest.jobs.progress import Progress, Report
from schema.errors import SelectionError
from schema.store import Atlas

SPLITS = 5
"""Files of an SAE, as delphi's default has it; each holds the tokens."""

AT_ONCE = 8_192
"""Sequences whose tokens are in memory at a time."""

ROWS = 1_000_000
"""Activations that are in memory at a time."""

LARGEST = float(np.finfo(np.float16).max)
BEGINNINGS = ("<|endoftext|>", "<bos>", "<s>", "<|begin_of_text|>")
"""How BOS is spelled in vocabularies; 0 stands for one that has none of these."""


@dataclass(frozen=True)
class Cached:
    """An SAE whose activations are written: its keys, and how many sequences of how many tokens it has read."""

    sae: int
    label: str
    hook_name: str
    d_sae: int
    model: str
    tokenization: int
    context_size: int
    prepend_bos: bool
    sequences: int


def write(atlas: Atlas, folder: Path, wanted: Wanted, report: Report) -> list[str]:
    """Write SAEs as delphi caches them; a line for each.

    Raises:
        SelectionError: two of them read one hook point, a hook point is no name of a folder, an activation is beyond
            float16, or no token is left to fill up with.
    """
    found = [_cached(atlas, sae) for sae in wanted.keys(atlas)]
    check_apart_from_export(
        atlas, ((each.sae, each.hook_name) for each in found), "hook point, of which delphi keeps one SAE"
    )
    places = [place_in_export(folder, each.label, each.hook_name) for each in found]
    return [_write_sae(atlas, place, each, report) for place, each in zip(places, found, strict=True)]


def _cached(atlas: Atlas, sae: int) -> Cached:
    sql = """
        SELECT s.label, s.hook_name, s.d_sae, m.name, s.tokenization, t.context_size, t.prepend_bos
        FROM sae AS s
        JOIN model AS m USING (model)
        JOIN tokenization AS t USING (tokenization)
        WHERE s.sae = ?
    """
    ((label, hook_name, *own),) = atlas.rows(sql, [sae])
    d_sae, model, tokenization, context_size, prepend_bos = own
    if atlas.rows("SELECT 1 FROM sae_import WHERE sae = ? AND format <> 'delphi'", [sae]):
        raise SelectionError(
            f"{label} was imported: delphi's cache has every activation, of which an export shows some"
        )
    ((largest,),) = atlas.rows("SELECT COALESCE(MAX(activation), 0) FROM activation WHERE sae = ?", [sae])
    if largest > LARGEST:
        raise SelectionError(f"{label} has an activation of {largest:g}; delphi's cache holds at most {LARGEST:g}")
    sql = "SELECT COUNT(*) FROM context JOIN coverage USING (document) JOIN sae USING (sae, tokenization) WHERE sae = ?"
    ((sequences,),) = atlas.rows(sql, [sae])
    return Cached(sae, label, hook_name, d_sae, model, tokenization, context_size, prepend_bos, sequences)


def _write_sae(atlas: Atlas, folder: Path, own: Cached, report: Report) -> str:
    folder.mkdir()
    atlas.rows(
        """
        CREATE OR REPLACE TEMP TABLE sequence AS
        SELECT context, CAST(ROW_NUMBER() OVER (ORDER BY context) - 1 AS INTEGER) AS sequence
        FROM context
        JOIN coverage USING (document)
        WHERE sae = $sae
          AND tokenization = $tokenization
        """,
        {"sae": own.sae, "tokenization": own.tokenization},
    )
    edges = np.linspace(0, own.d_sae, min(SPLITS, own.d_sae) + 1).astype(int).tolist()
    tokens, total = folder / ".tokens", 0
    bos = _bos(atlas, own)
    filler = _filler(atlas, own, bos)
    with tokens.open("wb") as file:
        _write_tokens(atlas, file, own, (bos, filler))
    for done, (start, end) in enumerate(pairwise(edges), start=1):
        total += _write_split(atlas, folder / f"{start}_{end - 1}.safetensors", own, tokens)
        report(Progress(own.label, done, len(edges) - 1, "files"))
    tokens.unlink()
    config = {"model_name": own.model, "ctx_len": own.context_size, "cache_ctx_len": own.context_size}
    config |= {"n_tokens": own.sequences * own.context_size, "n_splits": len(edges) - 1, "source": own.label}
    config |= {"prepend_bos": own.prepend_bos, "filler": filler}
    (folder / "config.json").write_text(json.dumps(config, indent=4) + "\n", encoding="utf-8")
    return f"{own.hook_name}: {total:,} activations on {own.sequences:,} sequences of {own.label}"


def _bos(atlas: Atlas, own: Cached) -> int:
    spelled = "SELECT text, token_id FROM vocabulary WHERE tokenization = ? AND text IN (SELECT UNNEST(?))"
    known = dict(atlas.rows(spelled, [own.tokenization, list(BEGINNINGS)]))
    return next((known[text] for text in BEGINNINGS if text in known), 0)


def _filler(atlas: Atlas, own: Cached, bos: int) -> int | None:
    """What follows a window that is shorter than a sequence: no window ends with it, so that its end can be told.

    Raises:
        SelectionError: there is no such token.
    """
    first, windows = int(own.prepend_bos), "FROM sequence JOIN context USING (context)"
    if not atlas.rows(f"SELECT 1 {windows} WHERE tokens + {first} < {own.context_size} LIMIT 1"):
        return None
    ends = f"SELECT token_id {windows} JOIN token USING (context) WHERE position = tokens + {first} - 1"
    if not atlas.rows(f"SELECT 1 FROM ({ends}) WHERE token_id = ? LIMIT 1", [bos]):
        return bos
    sql = f"SELECT MIN(token_id) FROM vocabulary WHERE tokenization = ? AND token_id NOT IN ({ends})"
    ((found,),) = atlas.rows(sql, [own.tokenization])
    if found is None:
        raise SelectionError(f"{own.label} has windows that end with every token: none is left to fill shorter ones up")
    return int(found)


def _write_tokens(atlas: Atlas, file: IO[bytes], own: Cached, extra: tuple[int, int | None]) -> None:
    """The tokens of every sequence, row after row, with what stands before and after them: BOS, and the filler."""
    bos, filler = extra
    sql = "SELECT sequence, position, token_id FROM token JOIN sequence USING (context)"
    for first in range(0, own.sequences, AT_ONCE):
        last = min(first + AT_ONCE, own.sequences) - 1
        rows = atlas.arrow(f"{sql} WHERE sequence BETWEEN $first AND $last", {"first": first, "last": last})
        block = np.full((last - first + 1, own.context_size), bos if filler is None else filler, "<i4")
        if own.prepend_bos:
            block[:, 0] = bos
        block[rows["sequence"].to_numpy() - first, rows["position"].to_numpy()] = rows["token_id"].to_numpy()
        file.write(block.tobytes())


def _write_split(atlas: Atlas, path: Path, own: Cached, tokens: Path) -> int:
    """The activations of the features that a file's name says, in the order of features; how many."""
    start, end = map(int, path.stem.split("_"))
    theirs = (
        f"FROM activation JOIN sequence USING (context) WHERE sae = {own.sae} AND feature BETWEEN {start} AND {end}"
    )
    ((count,),) = atlas.rows(f"SELECT COUNT(*) {theirs}")
    narrow = max(own.sequences, own.context_size, end - start) < 2**16
    number, size = ("U16", 2) if narrow else ("U32", 4)
    parts = {
        "tokens": ("I32", [own.sequences, own.context_size], 4 * own.sequences * own.context_size),
        "locations": (number, [count, 3], size * 3 * count),
        "activations": ("F16", [count], 2 * count),
    }
    beside = path.with_suffix(".activations")
    with path.open("wb") as file, beside.open("w+b") as activations:
        file.write(_header(parts))
        with tokens.open("rb") as held:
            shutil.copyfileobj(held, file)
        sql = f"SELECT sequence, position, feature - {start} AS feature, activation {theirs} ORDER BY 3, 1, 2"
        for batch in atlas.duckdb.sql(sql).to_arrow_reader(ROWS):
            places = [batch[name].to_numpy() for name in ("sequence", "position", "feature")]
            file.write(np.stack(places, axis=1).astype(f"<u{size}").tobytes())
            activations.write(batch["activation"].to_numpy().astype("<f2").tobytes())
        activations.seek(0)
        shutil.copyfileobj(activations, file)
    beside.unlink()
    return int(count)


def _header(parts: dict[str, tuple[str, list[int], int]]) -> bytes:
    """What a safetensors file begins with: its length, and where each array lies behind it."""
    described, at = {}, 0
    for name, (dtype, shape, size) in parts.items():
        described[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(described).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text
