"""Exports of Neuronpedia's, SAEDashboard's and delphi's become an atlas that can be browsed though no model ran.

Files are read twice: first all of them, so that a fault is met before anything is stored; then, some windows at a time,
into the atlas. Memory holds what is being read, the spelling of each token, and a number for each feature.
"""

import reprlib
from collections import defaultdict
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from atlas.exchange import is_folder_name
from atlas.exchange.arrivals.files import Export, exports_in
from atlas.exchange.arrivals.registration import Checked, enter_imported_sae
from atlas.exchange.arrivals.said import SaidFeature, SaidWindow
from atlas.exchange.arrivals.sequences import Layout, cache_layout, check_cache
from atlas.exchange.arrivals.spelling import Evidence, window_as_bytes, window_as_text
from atlas.exchange.arrivals.windows import Stored, WindowStore
from ingest.jobs.progress import Progress, Report, silent_report
from ingest.jobs.run_record import RunRecord
from ingest.labels.imported.files import read_imported_explanations
from ingest.statistics.sums import sum_corpora
from schema.errors import SelectionError, SourceError
from schema.store import Atlas, open_atlas

UNNAMED = "imported"
"""The corpus of windows whose export does not say which data set they are of."""


@dataclass(frozen=True)
class ImportRequest:
    """A folder that holds exports; a name for the SAE, and for the corpus, where those of the export are not wanted."""

    atlas: Path
    folder: Path
    sae: str | None = None
    corpus: str | None = None
    tokenizer: str | None = None
    """Of a cache that holds token ids: a model's name or folder, where it is not the one that the cache names."""


@dataclass(frozen=True)
class Imported:
    """What came of an export: features and windows it shows, and how much of it is new to the atlas."""

    sae: str
    features: int
    windows: int
    documents: int
    activations: int
    new: int
    left_out: int


def import_exports(request: ImportRequest, report: Report = silent_report) -> list[Imported]:
    """Store the exports of a folder, each as an SAE.

    Raises:
        SourceError: there is none, or a file is not what it should be; nothing is stored.
        SelectionError: the atlas holds an SAE of that name, which a model has run; or a tokenizer is named of an export
            that spells its tokens.
        AtlasFileError: the atlas cannot be opened.
    """
    checked = [_checked(export, request.sae, report) for export in _found(request)]
    readings = [_reading(each, request.tokenizer) for each in checked]
    arguments = {"folder": str(request.folder), "sae": request.sae, "corpus": request.corpus}
    with open_atlas(request.atlas, create=True) as atlas, RunRecord(atlas, "import", arguments, "none") as record:
        found = []
        for each, read_by in zip(checked, readings, strict=True):
            if read_by is None:
                found.append(_store(atlas, each, request, record, report))
            else:
                found.append(_store_cache(atlas, each, (read_by, request.corpus), record, report))
        return found


def _found(request: ImportRequest) -> list[Export]:
    found = exports_in(request.folder)
    if request.sae is not None and len(found) > 1:
        raise SelectionError(f"{request.folder} holds {len(found)} exports; --sae names one: give the folder of one")
    spelled = [export for export in found if export.format != "delphi"]
    if request.tokenizer is not None and spelled:
        raise SelectionError(
            f"{spelled[0].folder} is of {spelled[0].format}, which spells its tokens: --tokenizer is of delphi's caches"
        )
    return found


def _checked(export: Export, sae: str | None, report: Report) -> Checked:
    """Read an export's files once, to find what is wrong with them, and how much there is."""
    said = export.said
    release, _, sae_id = (sae or "/".join((said.release or said.model, said.sae_id or said.source))).partition("/")
    if not release or not sae_id:
        raise SelectionError(f"'{sae}' is no name of an SAE; it is spelled RELEASE/SAE_ID")
    features: dict[int, str] = {}
    windows, longest, hook_name, evidence = 0, 0, said.hook_name, Evidence()
    for item in export.read():
        if isinstance(item, SaidFeature):
            if item.feature in features:
                raise SourceError(f"{item.where}: feature {item.feature} stands in {features[item.feature]} already")
            features[item.feature] = item.where
            evidence.take_tokens(token for token, _ in (*item.raised, *item.lowered))
            hook_name = hook_name or _text(item.said.get("hookName"))
            report(Progress("checking", len(features), None, "features"))
        else:
            windows, longest = windows + 1, max(longest, len(item.tokens))
            evidence.take_window(item.tokens)
            if item.feature not in features:
                raise SourceError(f"{item.where} is of feature {item.feature}, which the export does not describe")
    if not features:
        raise SourceError(f"{export.folder} describes no feature")
    _check_labels(export, features)
    hook_name = hook_name or (sae_id if sae_id.startswith("blocks.") else None)
    if hook_name is not None and not is_folder_name(hook_name):
        raise SourceError(f"{export.folder}: {reprlib.repr(hook_name)} is no name of a hook point: it would be a path")
    counts = (max(features) + 1, len(features), windows, longest)
    return Checked(export, release, sae_id, export.sha256(), *counts, hook_name, evidence.bytes_spelled)


def _check_labels(export: Export, features: dict[int, str]) -> None:
    for path in export.labels:
        for label in read_imported_explanations(path):
            if label.dictionary != f"{export.said.model}/{export.said.source}" or label.feature not in features:
                raise SourceError(
                    f"{label.where} is of {label.dictionary} {label.feature}, which is not described here"
                )


def _reading(checked: Checked, name: str | None) -> tuple[Any, Layout] | None:
    """The tokenizer of a cache, whose files say nothing of how tokens are spelled, and where the text in it lies.

    None of any other export.
    """
    if checked.export.format != "delphi":
        return None
    from ingest.models.language_model import load_tokenizer
    from ingest.models.spelling import spell_vocabulary

    found = load_tokenizer(name or checked.export.said.model)
    bos = found.bos_token_id if found.bos_token_id is not None else found.eos_token_id
    own = cache_layout(checked.export, bos)
    check_cache(checked.export.files, len(spell_vocabulary(found)), own)
    return found, own


def _store_cache(
    atlas: Atlas, checked: Checked, chosen: tuple[tuple[Any, Layout], str | None], record: RunRecord, report: Report
) -> Imported:
    """Store a cache that was checked; one that is there already stays as it is."""
    from atlas.exchange.arrivals.cached import CacheStore

    (tokenizer, own), corpus = chosen
    definition = tokenizer.backend_tokenizer.to_str().encode()
    checked = replace(checked, tokenizer_sha256=sha256(definition).hexdigest(), prepend_bos=bool(own.first))
    entered = enter_imported_sae(atlas, checked, record)
    stored, new = Stored(), entered.new
    if not atlas.rows("SELECT 1 FROM coverage WHERE sae = ? LIMIT 1", [entered.sae]):
        store = CacheStore(atlas, checked, entered, corpus or checked.export.said.dataset or UNNAMED, (tokenizer, own))
        with atlas.transaction():
            stored, new = store.store(record.start(), report), True
            record.add(documents=stored.documents, tokens=stored.tokens, activations=stored.activations)
    for _ in sum_corpora(atlas):
        report(Progress("summing"))
    counts = (stored.shown, stored.documents, stored.activations, int(new), stored.left_out)
    return Imported(checked.name, checked.features, *counts)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _store(atlas: Atlas, checked: Checked, request: ImportRequest, record: RunRecord, report: Report) -> Imported:
    """Store an export that was checked; what is there already stays as it is."""
    entered = enter_imported_sae(atlas, checked, record)
    origin = f"{checked.export.format} export {checked.export.folder.resolve().name}"
    corpus = request.corpus or checked.export.said.dataset or UNNAMED
    read = window_as_bytes if checked.bytes_spelled else window_as_text
    store = WindowStore(atlas, (entered.sae, entered.tokenization), corpus, origin, read)
    totals: dict[str, int] = defaultdict(int)
    windows = (item for item in checked.export.read() if isinstance(item, SaidWindow))
    for part in store.fresh(windows):
        with atlas.transaction():
            stored = store.store(part, record.start())
            record.add(documents=stored.documents, tokens=stored.tokens, activations=stored.activations)
        for name, count in vars(stored).items():
            totals[name] += count
        report(Progress("importing", totals["shown"], checked.windows, "windows"))
    for _ in sum_corpora(atlas):
        report(Progress("summing"))
    return Imported(
        checked.name,
        checked.features,
        checked.windows,
        totals["documents"],
        totals["activations"],
        totals["shown"] + checked.features * entered.new,
        totals["left_out"],
    )


__all__ = ["ImportRequest", "Imported", "import_exports"]
