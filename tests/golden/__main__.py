"""Write the golden results of the saved queries anew; look at the difference before it is committed.

python -m tests.golden
"""

import tempfile
from pathlib import Path

from schema import open_atlas
from tests.made.tiny_atlas import build_tiny_atlas
from tests.queries.test_queries import CASES, golden_file, golden_text

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "tiny.duckdb"
    build_tiny_atlas(path)
    with open_atlas(path, read_only=True) as atlas:
        for name, cases in CASES.items():
            golden_file(name).write_text(golden_text(atlas, name, cases), encoding="utf-8")
