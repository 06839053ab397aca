"""`atlas ingest --profile`: the share of each stage, which add up to the whole."""

import re
from pathlib import Path

from ingest.encode.stage_times import STAGES
from tests.made.commands import run


def test_the_shares_of_the_stages_add_up_to_the_run(tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("Asthma narrows the airways.\nThe committee met on Tuesday.\n", encoding="utf-8")
    told = run("ingest", tmp_path / "atlas.duckdb", notes, "--profile")
    shown = re.findall(r"^(\w+) +(\d+)% +(\d+\.\d) s$", told, re.MULTILINE)
    assert [stage for stage, _, _ in shown] == [*STAGES, "other"]
    assert abs(sum(int(share) for _, share, _ in shown) - 100) <= len(shown) / 2
    whole = re.search(r"activations in (\d+\.\d) s", told)
    assert whole
    assert abs(sum(float(seconds) for *_, seconds in shown) - float(whole[1])) <= 0.05 * (len(shown) + 1)
