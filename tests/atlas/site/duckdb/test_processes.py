"""Child processes: frames carry any message, an answer has a deadline, a lost child is told from a late one."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas.site.processes import HEADER, Child, ChildLostError, LateAnswerError, pack_frame, read_frame
from tests.made.patience import PATIENCE_SECONDS

ECHO = """
from atlas.site.processes import pack_frame, read_frame
import os
while (message := read_frame(0)) is not None:
    os.write(1, pack_frame(message))
"""
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@contextmanager
def child_of(program: str) -> Iterator[Child]:
    child = Child([sys.executable, "-c", program])
    try:
        yield child
    finally:
        child.kill()


@settings(deadline=None)
@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_a_frame_carries_any_message(message: dict[str, object]) -> None:
    reading, writing = os.pipe()
    try:
        os.write(writing, pack_frame(message))
        assert read_frame(reading) == message
        os.close(writing)
        writing = -1
        assert read_frame(reading) is None
    finally:
        os.close(reading)
        if writing >= 0:
            os.close(writing)


def test_a_number_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        pack_frame({"x": float("nan")})


def test_a_child_answers_messages_larger_than_a_pipe() -> None:
    with child_of(ECHO) as child:
        for message in ({"text": "é\ud800\n" * 9}, {"text": "x" * 60_000}):
            child.send(message)
            assert child.receive(PATIENCE_SECONDS) == message


def test_a_late_answer_is_told() -> None:
    with child_of("import time; time.sleep(60)") as child, pytest.raises(LateAnswerError):
        child.receive(0.05)


@pytest.mark.parametrize(
    "program",
    [
        "",
        f"import os; os.write(1, {HEADER.pack(9)!r} + b'{{}}')",
        f"import os; os.write(1, {HEADER.pack(2)!r} + b'[]')",
        f"import os; os.write(1, {HEADER.pack(2)!r} + b'{{{{')",
        f"import os; os.write(1, {HEADER.pack(2**31)!r} + b'{{}}')",
    ],
    ids=["silent", "cut", "list", "no JSON", "huge"],
)
def test_a_child_that_ends_or_talks_nonsense_is_lost(program: str) -> None:
    with child_of(program) as child, pytest.raises(ChildLostError):
        child.receive(PATIENCE_SECONDS)


def test_a_child_that_is_gone_is_lost_when_it_is_sent_to() -> None:
    with child_of("") as child:
        with pytest.raises(ChildLostError):
            child.receive(PATIENCE_SECONDS)
        while child.alive:
            time.sleep(0.01)
        with pytest.raises(ChildLostError):
            child.send({})
