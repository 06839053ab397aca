"""Jobs as tests call them: by a model and SAEs that are loaded already, in an atlas that is open."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ingest.jobs.contrast import ContrastRequest, contrast_into, refresh_contrasts
from ingest.jobs.ingest import IngestRequest, IngestResult, ingest_into
from ingest.models.language_model import LanguageModel
from ingest.models.sae import SAE
from schema import Atlas, open_atlas
from tests.made.empty_atlas import write_empty_atlas


def ingest_with(request: IngestRequest, model: LanguageModel, saes: Sequence[SAE]) -> IngestResult:
    """What `ingest` does, but that the request's reader is not loaded, and a new atlas is a copy of an empty one."""
    path = Path(request.atlas)
    if not path.exists():
        write_empty_atlas(path)
    with open_atlas(path) as atlas:
        result = ingest_into(atlas, request, (model, saes))
        refresh_contrasts(atlas)
        return result


def compute_contrast(
    atlas: Atlas, name: str, positive: Sequence[str], control: Sequence[str], *unit: Any, **rest: Any
) -> list[str]:
    """A contrast of an open atlas."""
    return contrast_into(atlas, ContrastRequest(atlas.path, name, positive, control, *unit, **rest))
