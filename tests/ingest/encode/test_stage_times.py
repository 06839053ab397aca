"""The time of each stage: a stage inside another counts once, and all together no more than what has passed."""

import time

import pytest

from ingest.encode.stage_times import STAGES, Stages


def test_a_stage_inside_another_counts_once() -> None:
    stages, began = Stages(), time.perf_counter()
    with stages.timed("read"):
        time.sleep(0.02)
        with stages.timed("model"):
            time.sleep(0.03)
        time.sleep(0.02)
    passed = time.perf_counter() - began
    time.sleep(0.02)
    found = stages.seconds
    assert found["read"] >= 0.04
    assert found["model"] >= 0.03
    assert sum(found.values()) <= passed
    assert set(found) == set(STAGES)


def test_a_stage_that_fails_ends() -> None:
    stages = Stages()
    with pytest.raises(ValueError, match="no"), stages.timed("encode"):
        raise ValueError("no")
    before = stages.seconds
    time.sleep(0.01)
    with stages.timed("write"):
        pass
    assert stages.seconds["encode"] == before["encode"]
