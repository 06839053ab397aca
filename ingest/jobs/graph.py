"""The graph job: prompts in, what leads to a feature or to the next token, from SAE to SAE, in the atlas.

Each prompt and target is a transaction of its own, and what is stored is not computed again: killed at any moment, the
same command goes on from there.
"""

import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from ingest.attribution.prompts import Prompt, prompt_of_text, prompts_of_documents
from ingest.circuits.graphs.graph_edges import Method
from ingest.circuits.graphs.graph_nodes import saes_on_the_way
from ingest.circuits.graphs.graph_rows import graph_identity, store_graph, stored_graphs
from ingest.circuits.graphs.graph_study import PRUNING, Pruning, Target, trace_graphs
from ingest.circuits.tracer import LEAST_SHARE, Tracer, largest_activation
from ingest.jobs.progress import Progress, Report, silent_report
from ingest.jobs.reader import POCKET_READER, Loaded, Reader
from ingest.jobs.run_record import RunRecord
from ingest.models.names import parse_sae_name
from ingest.models.spelling import token_id
from schema.errors import ModelError, SelectionError
from schema.store import Atlas, open_atlas

PassedOver = Literal["silent", "short"]

LEAST_LOGITS = 0.01
"""Logits that are less apart are not told apart."""


@dataclass(frozen=True)
class GraphRequest:
    """Which graphs: to features of the first SAE, or without any to the next tokens (`token`: to this one alone).

    Prompts are windows of documents, texts given by hand, or both. `position`, BOS being 0, is the target's: else where
    the feature is strongest, or the last. `limit` counts windows of documents that can be traced.
    A reader of one SAE reads all of its model that the atlas holds.
    """

    atlas: Path
    features: tuple[int, ...] = ()
    documents: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    token: str | None = None
    position: int | None = None
    limit: int | None = None
    methods: tuple[Method, ...] = ("ablation",)
    pruning: Pruning = PRUNING
    reader: Reader = POCKET_READER


@dataclass
class GraphResult:
    """What a job did: the keys of new graphs and of those known before, and the prompts that were passed over.

    Silent: no feature fires on them; short: the position asked for is not in them. `sae` is the name and hash of the
    SAE whose features are led to.
    """

    sae: str = ""
    new: list[int] = field(default_factory=list)
    known: list[int] = field(default_factory=list)
    silent: int = 0
    short: int = 0
    seconds: float = 0.0


def graph(request: GraphRequest, report: Report = silent_report) -> GraphResult:
    """Load the model and the SAEs, and trace graphs.

    Raises:
        SelectionError: prompts, features, SAEs or a position that make no graph; nothing has changed then.
        ModelError, AtlasFileError: see there.
    """
    with open_atlas(request.atlas) as atlas:
        reader = graph_reader_with_other_saes(atlas, request.reader)
    loaded = reader.load()
    with open_atlas(request.atlas) as atlas:
        return graph_into(atlas, replace(request, reader=reader), loaded, report)


def graph_reader_with_other_saes(atlas: Atlas, reader: Reader) -> Reader:
    """The reader; of one SAE, with all others of the atlas that read the same model and windows beside it.

    Raises:
        SelectionError: there is no other, or one cannot be loaded by its name.
    """
    if len(reader.saes) > 1:
        return reader
    own = parse_sae_name(reader.saes[0])
    rows = atlas.rows(
        """
        SELECT other.label
        FROM sae AS own
        JOIN sae AS other USING (model, tokenization)
        WHERE own.release = ?
          AND own.sae_id = ?
          AND other.label <> other.pinned
          AND (other.release, other.sae_id) <> (own.release, own.sae_id)
        GROUP BY ALL
        ORDER BY MIN(other.ordinal)
        """,
        [own.release, own.sae_id],
    )
    if not rows:
        raise SelectionError(
            f"a graph joins features of several SAEs of one model, and {atlas.path} holds no other one beside {own}; "
            f"ingest with another: atlas ingest {atlas.path} SOURCE --sae RELEASE/SAE_ID"
        )
    labels = [label for (label,) in rows]
    try:
        parsed = [str(parse_sae_name(label)) for label in labels]
    except ModelError as error:
        raise SelectionError(
            f"{', '.join(labels)} of {atlas.path} cannot all be loaded by name ({error}); name every SAE of the graph, "
            "each with --sae"
        ) from error
    return replace(reader, saes=(*reader.saes, *parsed))


def graph_into(atlas: Atlas, request: GraphRequest, loaded: Loaded, report: Report = silent_report) -> GraphResult:
    """Trace graphs in an open atlas, by a loaded model and SAEs."""
    started, tracer = time.perf_counter(), _on_the_way(atlas, request, loaded)
    result = GraphResult(tracer.keys[0].pinned)
    prompts = [prompt_of_text(text, tracer.tokenization) for text in request.texts]
    if request.documents:
        prompts += prompts_of_documents(atlas, request.documents, tracer.keys[0].tokenization, None)
    of_documents = 0
    with RunRecord(atlas, "circuit graph", _arguments(request, tracer), request.reader.runs_on) as record:
        for done, prompt in enumerate(prompts, start=1):
            if prompt.document is not None and of_documents == request.limit:
                break
            found = [_target(request, tracer, feature, prompt) for feature in request.features or (None,)]
            targets = [target for target in found if isinstance(target, Target)]
            for target in targets:
                _trace_one(record, request, tracer, (target, prompt), result)
            of_documents += bool(targets) and prompt.document is not None
            result.silent += found.count("silent")
            result.short += found.count("short")
            report(Progress("tracing", done, len(prompts), "prompts"))
    if not result.new and not result.known:
        raise SelectionError(_why_nothing(request, len(prompts), result))
    return replace(result, seconds=time.perf_counter() - started)


def _on_the_way(atlas: Atlas, request: GraphRequest, loaded: Loaded) -> Tracer:
    """A tracer of the SAEs that lead to the target, the target's first; the others in the order of the model."""
    model, saes = loaded
    if len(saes) < 2:
        raise SelectionError(f"a graph joins features of several SAEs of one model; {saes[0].name} is one: add --sae")
    own = saes[0] if request.features else None
    whole = Tracer.of(atlas, model, saes)
    for feature in request.features:
        whole.check_feature(feature)
    places = saes_on_the_way(whole, own)
    places = places if own is None else [0, *places]
    return replace(whole, saes=[saes[place] for place in places], keys=[whole.keys[place] for place in places])


def _target(request: GraphRequest, tracer: Tracer, feature: int | None, prompt: Prompt) -> Target | PassedOver:
    """What the graph of a prompt leads to, or why there is none: silent, short."""
    first = tracer.tokenization.first_position
    positions = range(first, first + len(prompt))
    position = positions[-1] if request.position is None else request.position
    if position not in positions:
        return "short"
    if feature is None:
        token = None if request.token is None else token_id(tracer.model, request.token)
        return Target(position, token_id=token)
    strongest = tracer.strongest(feature, prompt) if request.position is None else position
    if strongest is None or tracer.activation(feature, prompt, strongest) <= 0:
        return "silent"
    return Target(strongest, feature)


def _trace_one(
    record: RunRecord, request: GraphRequest, tracer: Tracer, asked: tuple[Target, Prompt], result: GraphResult
) -> None:
    target, pruning = asked[0], request.pruning
    prompt = asked[1].until(target.position + 1 - tracer.tokenization.first_position)
    identities = {graph_identity(tracer, target, prompt, each, pruning): each for each in request.methods}
    known = stored_graphs(record.atlas, identities)
    result.known.extend(known.values())
    record.add(known=len(known))
    missing = {method: identity for identity, method in identities.items() if identity not in known}
    if not missing:
        return
    least = LEAST_LOGITS
    if target.feature is not None:
        least = LEAST_SHARE * largest_activation(record.atlas, tracer.keys[0].sae, target.feature)
    found = trace_graphs(tracer, target, prompt, list(missing), pruning)
    with record.atlas.transaction():
        run = record.start()
        for each in found:
            described = missing[each.method], prompt, pruning, least
            result.new.append(store_graph(record.atlas, tracer, described, each, run))
        record.add(documents=1)


def _why_nothing(request: GraphRequest, prompts: int, result: GraphResult) -> str:
    if result.short and not result.silent:
        return (
            f"position {request.position} is in none of the {prompts} prompts, BOS being 0; nothing is there to trace"
        )
    features = ", ".join(map(str, request.features))
    return (
        f"feature {features} fires on none of the {prompts} prompts, or not at that position; nothing is there to trace"
    )


def _arguments(request: GraphRequest, tracer: Tracer) -> dict[str, object]:
    return {
        "saes": [str(sae.name) for sae in tracer.saes],
        "features": list(request.features),
        "documents": list(request.documents),
        "texts": list(request.texts),
        "token": request.token,
        "position": request.position,
        "methods": list(request.methods),
    }
