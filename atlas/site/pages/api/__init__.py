"""A feature as programs ask for it: /api/feature/MODEL/SOURCE/INDEX, in Neuronpedia's shape.

With .json after the index it is in that of circuit-tracer's feature files, so that /api/feature/MODEL/SOURCE is what a
graph gives as its `feature_json_base_url`. MODEL and SOURCE are Neuronpedia's names, such as gpt2-small and 8-res-jb,
or those that an export for Neuronpedia gives.
"""

from typing import TYPE_CHECKING, Any

from datasette.utils import add_cors_headers
from datasette.utils.asgi import Response

from atlas.exchange.circuit_tracer import feature_details
from atlas.exchange.neuronpedia import activation_lines, explanation_line, feature_line
from atlas.exchange.published import Published, published_as
from atlas.exchange.records import (
    FeatureRecord,
    export_statement_values,
    export_statements,
    export_values,
    exported_records,
)
from atlas.site.pages.page import Asked, PageError
from atlas.site.pages.rows import rows, rows_if_published, rows_of_activations

if TYPE_CHECKING:
    from datasette.app import Datasette

LONGEST_INDEX = 9
UNREADABLE = "the database of activations is missing, or too busy to answer; try again in a moment"


async def view(asked: Asked) -> Response:
    """The feature of an address; a mistake is answered with an object that has an `error`, as Neuronpedia does it."""
    headers: dict[str, str] = {}
    if asked.datasette.cors:
        add_cors_headers(headers)
    try:
        return Response.json(await _answer(asked), headers=headers)
    except PageError as error:
        return Response.json({"error": str(error)}, status=error.status, headers=headers)


async def _answer(asked: Asked) -> dict[str, Any]:
    own = await _named(asked.datasette, asked.parts["model"], asked.parts["source"])
    record = await _record(asked.datasette, own, asked.parts["index"])
    if "format" in asked.parts:
        return feature_details(record)
    return {
        **feature_line(own, record),
        "lists": [],
        "comments": [],
        "activations": list(activation_lines(own, record.feature, record.windows)),
        "explanations": await _explanations(asked.datasette, own, record.feature),
    }


async def _named(datasette: "Datasette", model: str, source: str) -> Published:
    known = [published_as(row) for row in await rows(datasette, "api/saes")]
    for own in known:
        if (own.model, own.source) == (model, source):
            return own
    listed = ", ".join(f"{own.model}/{own.source}" for own in known) or "none"
    raise PageError(f"this atlas holds no {model}/{source}; it holds: {listed}")


async def _record(datasette: "Datasette", own: Published, index: str) -> FeatureRecord:
    """Raises PageError where the SAE has no such feature, or DuckDB does not answer."""
    if not (index.isascii() and index.isdecimal()) or len(index) > LONGEST_INDEX:
        raise PageError(f"{index[:20]!r} is no index of a feature; it is a whole number from 0")
    imported = await rows_if_published(datasette, "sae_import", "sae/imported", sae=own.sae)
    values = export_values(own.sae, int(index), int(index))
    found = {}
    for name, sql in export_statements(imported=any(row["format"] != "delphi" for row in imported)).items():
        held = await rows_of_activations(
            datasette, sql.replace("$", ":"), export_statement_values(sql, values), f"api/{name}"
        )
        if held is None:
            raise PageError(UNREADABLE, 503)
        found[name] = [tuple(row.values()) for row in held]
    record = next(exported_records(found), None)
    if record is None:
        raise PageError(f"{own.model}/{own.source} has no feature {index} here")
    return record


async def _explanations(datasette: "Datasette", own: Published, feature: int) -> list[dict[str, Any]]:
    found = await rows_if_published(datasette, "feature_label", "api/labels", sae=own.sae, feature=feature)
    return [explanation_line(own, tuple(row.values())) | {"scores": []} for row in found]
