"""Plans that are made ahead of what is loaded: the atlas may have moved on from one when its turn comes."""

from pathlib import Path
from typing import TYPE_CHECKING

from ingest.encode.batch import BatchEncoder
from ingest.engines import encode_plan
from ingest.jobs.run_record import RunRecord
from ingest.rows.batch_rows import store_batch
from ingest.rows.batches import Planner
from ingest.rows.registration import register_saes
from ingest.rows.source_records import Record
from ingest.sources import Document
from schema import open_atlas

if TYPE_CHECKING:
    from ingest.models.language_model import LanguageModel
    from ingest.models.sae import SAE


def said(*texts: str) -> list[Record]:
    return [Record(Document(text, text, "general", "notes"), "notes", "notes.txt") for text in texts]


def test_a_plan_is_made_again_where_the_atlas_has_moved_on(
    empty_atlas: Path, small: "tuple[LanguageModel, list[SAE]]"
) -> None:
    model, saes = small
    encoder = BatchEncoder.of(model, saes)
    with open_atlas(empty_atlas) as atlas, RunRecord(atlas, "ingest", {}, "cpu") as record:
        planner = Planner(atlas, register_saes(atlas, model, saes, encoder.bos_activations()))
        first, second = planner.plan(said("One.", "Two.")), planner.plan(said("Two.", "Three."))
        assert planner.renewed(first) is first
        assert first.wanted == second.wanted == [[True, True]] * len(saes)
        with atlas.transaction():
            store_batch(atlas, first, encode_plan(encoder, first), planner.registered, record.start())
        planner.stored += 1
        assert planner.renewed(second).wanted == [[False, True]] * len(saes)
        assert planner.renewed(second).documents == [1, None]
