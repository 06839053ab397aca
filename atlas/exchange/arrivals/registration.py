"""An imported SAE, entered into an atlas with its features and labels: once, in one transaction.

It is known by the hash of its files, as one that ran is by its weights; other files are another SAE of that name.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from itertools import islice
from typing import Any

import pyarrow as pa
from sqlalchemy import insert

from atlas.exchange.arrivals.files import Export
from atlas.exchange.arrivals.said import SaidFeature
from atlas.exchange.arrivals.spelling import text_of_exported_token
from ingest.jobs.run_record import RunRecord
from ingest.labels.imported.arrival import Arrival
from ingest.labels.imported.matching import Matching
from schema import tables
from schema.errors import SelectionError
from schema.naming import name_saes
from schema.store import Atlas

ROWS = 1_024
"""Features that are in memory at a time."""


@dataclass(frozen=True)
class Checked:
    """What a first reading of an export's files has found: no fault, and what it takes to store them."""

    export: Export
    release: str
    sae_id: str
    files_sha256: str
    d_sae: int
    features: int
    windows: int
    longest: int
    hook_name: str | None
    bytes_spelled: bool = False
    tokenizer_sha256: str | None = None
    """Of the tokenizer, where the files hold token ids and no texts."""
    prepend_bos: bool = False

    @property
    def name(self) -> str:
        """The SAE's name."""
        return f"{self.release}/{self.sae_id}"

    @property
    def context_size(self) -> int:
        """Tokens of the longest window, as the export says or has them."""
        return max(self.longest, self.export.said.tokens_in_prompt or 0, 2)


@dataclass(frozen=True)
class Entered:
    """The keys of an SAE and its tokenization, and whether they are new."""

    sae: int
    tokenization: int
    new: bool


def enter_imported_sae(atlas: Atlas, checked: Checked, record: RunRecord) -> Entered:
    """Enter an SAE, its features and its labels, where the atlas does not hold them.

    Raises:
        SelectionError: an SAE of that name is there, which a model has run.
    """
    sql = "SELECT sae, tokenization, format IS NULL, files_sha256 FROM sae LEFT JOIN sae_import USING (sae) "
    held = atlas.rows(sql + "WHERE release = ? AND sae_id = ?", [checked.release, checked.sae_id])
    for sae, tokenization, ran, files_sha256 in held:
        if files_sha256 == checked.files_sha256:
            return Entered(sae, tokenization, new=False)
        if ran:
            raise SelectionError(
                f"{atlas.path} holds {checked.name}, which a model has run; "
                "import into another file, or give the imported one another name: --sae RELEASE/SAE_ID"
            )
    with atlas.transaction():
        run = record.start()
        entered = Entered(*_keys(atlas, checked, run), new=True)
        features = (item for item in checked.export.read() if isinstance(item, SaidFeature))
        while part := list(islice(features, ROWS)):
            _append_features(atlas, entered.sae, part, text_of_exported_token if checked.bytes_spelled else str)
        name_saes(atlas)
        _import_labels(atlas, checked, record)
    return entered


def _keys(atlas: Atlas, checked: Checked, run: int) -> tuple[int, int]:
    """Rows of model, tokenization, SAE and import; the keys of the SAE and the tokenization."""
    said = checked.export.said
    known = atlas.rows("SELECT model FROM model WHERE name = ? AND weights_sha256 IS NULL", [said.model])
    model = known[0][0] if known else _add(atlas, "model", {"name": said.model})
    tokenization = _tokenization(atlas, checked)
    config = json.dumps({"imported": checked.files_sha256})
    row = {
        "release": checked.release,
        "sae_id": checked.sae_id,
        "model": model,
        "tokenization": tokenization,
        "hook_name": checked.hook_name or f"layer {said.layer}",
        "hook_layer": said.layer,
        "d_sae": checked.d_sae,
        "neuronpedia_id": f"{said.model}/{said.source}" if checked.tokenizer_sha256 is None else None,
        "logit_weights": "imported",
        "config": json.loads(config),
        "config_sha256": sha256(config.encode()).hexdigest(),
        "added_at": datetime.now(UTC).replace(tzinfo=None),
        "pinned": f"{checked.name}@{checked.files_sha256[:12]}",
        "label": checked.name,
        "ordinal": 0,
    }
    sae = _add(atlas, "sae", row)
    origin = {
        "sae": sae,
        "ingest_run": run,
        "format": checked.export.format,
        "source": checked.export.folder.resolve().name,
        "files_sha256": checked.files_sha256,
        "dataset": said.dataset,
        "prompts": said.prompts,
        "tokens_in_prompt": said.tokens_in_prompt,
        "said": dict(said.said),
    }
    atlas.connection.execute(insert(tables.sae_import), origin)
    return sae, tokenization


def _tokenization(atlas: Atlas, checked: Checked) -> int:
    """How texts were cut is known by their tokens alone: each text of a token is one, numbered as they come.

    Those that are spelled in bytes are numbered apart from those that are spelled as text.
    """
    model, context_size = checked.export.said.model, checked.context_size
    spelled = ", spelled in bytes" if checked.bytes_spelled else ""
    own = sha256(f"the texts of the tokens of exports of {model}{spelled}".encode()).hexdigest()
    identity = checked.tokenizer_sha256 or own
    sql = "SELECT tokenization FROM tokenization WHERE tokenizer_sha256 = ? AND context_size = ? AND prepend_bos = ?"
    if known := atlas.rows(sql, [identity, context_size, checked.prepend_bos]):
        return int(known[0][0])
    row = {"tokenizer": model, "tokenizer_sha256": identity, "context_size": context_size}
    row |= {"prepend_bos": checked.prepend_bos}
    return _add(atlas, "tokenization", row)


def _add(atlas: Atlas, table: str, row: dict[str, Any]) -> int:
    key = atlas.next_key(tables.metadata.tables[table])
    atlas.connection.execute(insert(tables.metadata.tables[table]), {table: key, **row})
    return key


def _append_features(atlas: Atlas, sae: int, features: Iterable[SaidFeature], text: Callable[[str], str]) -> None:
    shown, said = [], []
    for each in features:
        key = {"sae": sae, "feature": each.feature}
        raised, lowered = ([(text(token), weight) for token, weight in end] for end in (each.raised, each.lowered))
        ends = {"top_logits": _json(raised), "bottom_logits": _json(lowered)}
        spelled = {"pos_str": each.raised, "neg_str": each.lowered} if text is text_of_exported_token else {}
        shown.append(key | ends | {"decoder_norm": each.decoder_norm})
        figures = {"density": each.density, "max_activation": each.max_activation}
        rest = dict(each.said) | {name: [token for token, _ in end] for name, end in spelled.items()}
        said.append(key | figures | {"said": _json(rest)})
    for table, rows in ((tables.feature, shown), (tables.feature_import, said)):
        names = list(rows[0])
        atlas.append(table, pa.table({name: [row[name] for row in rows] for name in names}))


def _import_labels(atlas: Atlas, checked: Checked, record: RunRecord) -> None:
    if checked.export.labels:
        arrival = Arrival(atlas, Matching.of(atlas, checked.name, None), record.start)
        for path in checked.export.labels:
            arrival.take(path)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
