"""The four files of Neuronpedia's export that say what a source is: release, model, source set, source."""

import json
from typing import Any

from atlas.exchange.published import Published
from schema.store import Atlas

AUTHOR = "feature-atlas"


def metadata_lines(atlas: Atlas, own: Published, creator: str, now: str) -> dict[str, dict[str, Any]]:
    """The line of each file, by its name: rows of SourceRelease, Model, SourceSet and Source."""
    lines = {
        "release": _release(own),
        "model": _model(atlas, own) | {"updatedAt": now},
        "sourceset": _source_set(own),
        "source": _source(atlas, own),
    }
    shared = {"creatorId": creator, "createdAt": now, "visibility": "PUBLIC"}
    lines = {part: shared | line for part, line in lines.items()}
    origin = atlas.rows("SELECT dataset, prompts, tokens_in_prompt, said FROM sae_import WHERE sae = ?", [own.sae])
    return _as_imported(lines, *origin[0]) if origin else lines


def _release(own: Published) -> dict[str, Any]:
    return {
        "name": own.release,
        "description": f"{own.release}, exported by {AUTHOR}",
        "descriptionShort": own.release,
        "urls": [],
        "creatorName": AUTHOR,
        "creatorNameShort": AUTHOR,
    }


def _model(atlas: Atlas, own: Published) -> dict[str, Any]:
    sql = "SELECT n_layers, d_model FROM sae JOIN model USING (model) WHERE sae = ?"
    ((layers, width),) = atlas.rows(sql, [own.sae])
    return {
        "id": own.model,
        "displayName": own.model,
        "displayNameShort": own.model,
        "layers": layers or 0,
        "neuronsPerLayer": 0,
        "dimension": width,
        "owner": "",
        "instruct": False,
    }


def _source_set(own: Published) -> dict[str, Any]:
    return {
        "modelId": own.model,
        "name": own.set_name,
        "description": f"SAEs of {own.release}",
        "creatorName": AUTHOR,
        "urls": [],
        "releaseName": own.release,
    }


def _source(atlas: Atlas, own: Published) -> dict[str, Any]:
    sql = "SELECT context_size FROM sae JOIN tokenization USING (tokenization) WHERE sae = ?"
    ((context_size,),) = atlas.rows(sql, [own.sae])
    read = atlas.rows(
        "SELECT name, contexts FROM sae_corpus JOIN corpus USING (corpus) WHERE sae = ? ORDER BY name", [own.sae]
    )
    return {
        "id": own.source,
        "modelId": own.model,
        "setName": own.set_name,
        "saelensRelease": own.release,
        "saelensSaeId": own.sae_id,
        "dataset": ", ".join(name for name, _ in read) or None,
        "num_prompts": sum(contexts for _, contexts in read),
        "num_tokens_in_prompt": context_size,
        "notes": f"exported by {AUTHOR} from {own.label}, which reads {own.hook_name}",
    }


def _as_imported(
    lines: dict[str, dict[str, Any]], dataset: str | None, prompts: int | None, tokens: int | None, said: str
) -> dict[str, dict[str, Any]]:
    """The lines as the export had them that an SAE was imported from."""
    known = {"dataset": dataset, "num_prompts": prompts, "num_tokens_in_prompt": tokens}
    lines["source"] |= {name: value for name, value in known.items() if value is not None}
    return {part: line | json.loads(said).get(part, {}) for part, line in lines.items()}
