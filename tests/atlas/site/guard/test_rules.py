"""Who may see a table: a rule in a snapshot's metadata holds, and without one none is looked for table by table."""

import asyncio
import copy
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from datasette.app import Datasette

from atlas.site.serve import datasette_of


def statuses(datasette: Datasette, *paths: str) -> list[int]:
    async def _ask() -> list[int]:
        return [(await datasette.client.get(path)).status_code for path in paths]

    found = asyncio.run(_ask())
    for database in datasette.databases.values():
        database.close()
    return found


@pytest.mark.parametrize("name", ["corpus", "CORPUS"])
@pytest.mark.parametrize("database", ["atlas", "activations"])
def test_a_table_that_the_metadata_close_is_closed(
    database: str, name: str, tiny_snapshot: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny_snapshot, tmp_path / "snapshot"))
    metadata = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
    metadata["databases"][database]["tables"][name] = {"allow": False}
    (folder / "metadata.json").write_text(json.dumps(metadata), encoding="utf-8")
    pages = [f"/{database}/corpus.json", f"/{database}/document.json", f"/{database}.json"]
    assert statuses(datasette_of(folder), *pages) == [403, 200, 200]


def test_a_page_of_every_table_copies_no_metadata(tiny_snapshot: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copied: list[Any] = []
    deepcopy = copy.deepcopy

    def counted(held: Any, memo: Any = None) -> Any:
        copied.append(held)
        return deepcopy(held, memo)

    monkeypatch.setattr(copy, "deepcopy", counted)
    datasette = datasette_of(tiny_snapshot)
    assert statuses(datasette, "/atlas.json", "/activations.json") == [200, 200]
    assert not any(isinstance(held, dict) and "databases" in held for held in copied)
