"""Thousands of bad inputs: each gives a clear line or a count of what was skipped, and nothing else is harmed.

A case is read by the source reader, both as it stops at the first bad record and as it skips them. Now and
then one goes through the whole command into an atlas that already holds documents.
"""

import contextlib
import json
import random
import time
from collections.abc import Iterator
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ingest.sources import Document, Skipped, read_documents
from schema.errors import AtlasError
from tests.faults.children import run_atlas
from tests.faults.mutations import Case, bad_case
from tests.faults.rows import broken, contents
from tests.faults.workloads import ATLAS, Workload

Report = dict[str, object]
LONGEST_LINE = 1_000  # characters of a message

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
FIELD = st.sampled_from(["text", "id", "external_id", "domain", "source", "term", "term_start", "term_end", "template"])
RECORDS = st.lists(st.dictionaries(FIELD, JSON, max_size=6) | JSON, min_size=1, max_size=5)
GOOD = "This record is good."


def bad_inputs(
    cases: int, seed: int, folder: Path, known: Workload | None = None, every: int = 200
) -> Iterator[Report]:
    """So many mutated files and made-up records; one in `every` also through the command into a known atlas."""
    folder.mkdir(parents=True)
    mutated = cases * 4 // 5
    chance = random.Random(seed)
    yield _report("mutated files", (bad_case(chance, number) for number in range(mutated)), folder, known, every)
    yield _report("made-up records", _made_up(cases - mutated), folder, known, every)


def _report(what: str, cases: Iterator[Case], folder: Path, known: Workload | None, every: int) -> Report:
    began = time.monotonic()
    faults: list[str] = []
    outcomes = {"read": 0, "skipped": 0, "refused": 0}
    through = number = 0
    for number, case in enumerate(cases, start=1):
        path = folder / case.name
        path.write_bytes(case.data)
        source = str(folder / case.source)
        found, outcome = _read(case, source)
        outcomes[outcome] += 1
        if known is not None and number % every == 0:
            through += 1
            found += _ingest(source, known, folder / "known", f"bad/{number}")
        faults += [f"{case.name} ({case.what}): {fault}" for fault in found]
        path.unlink()
    return {
        "suite": "bad inputs",
        "what": what,
        "cases": number,
        **outcomes,
        "ingested": through,
        "seconds": round(time.monotonic() - began, 1),
        "faults": faults[:50],
    }


def _read(case: Case, source: str) -> tuple[list[str], str]:
    """What is wrong with how a case is read, and what came of it with skipping."""
    stopped, refusal = _outcome(source, skip=False)
    skipping, refused = _outcome(source, skip=True)
    faults = [fault for line in (refusal, refused) if line for fault in _line_faults(line)]
    passed = [record for record in skipping if isinstance(record, Skipped)]
    faults += [fault for record in passed for fault in _line_faults(f"{record.where}: {record.reason}")]
    documents = [record for record in skipping if isinstance(record, Document)]
    faults += ["stopped at nothing"] * (refusal is not None and refused is None and not passed)
    faults += ["stopping and skipping read differently"] * (refusal is None and stopped != skipping)
    faults += ["what comes before the bad record differs"] * (skipping[: len(stopped)] != stopped and refused is None)
    lost = set(case.surviving) - {document.text for document in documents}
    faults += [f"lost: {lost}"] * bool(lost)
    return faults, "refused" if refused else "skipped" if passed else "read"


def _outcome(source: str, *, skip: bool) -> tuple[list[Document | Skipped], str | None]:
    """What a source gives, and the line by which it is refused."""
    found: list[Document | Skipped] = []
    try:
        found.extend(read_documents(source, on_error="skip" if skip else "stop"))
    except AtlasError as error:
        return found, str(error)
    except Exception as error:  # the fault that is looked for
        return found, f"\n{type(error).__name__}: {error}"
    return found, None


def _line_faults(line: str) -> list[str]:
    """What keeps a message from being one clear line."""
    faults = [f"not one line: {line!r:.300}"] * (len(line.splitlines()) != 1)
    faults += [f"a line of {len(line)} characters"] * (len(line) > LONGEST_LINE)
    faults += [f"cannot be printed: {line!r:.300}"] * (not line.isprintable())
    return faults


def _ingest(source: str, known: Workload, folder: Path, corpus: str) -> list[str]:
    """Put a case into an atlas as a corpus of its own: refused or in, the rows that were there stay as they were."""
    path = folder / ATLAS
    if not path.exists():
        known.begin(folder)
        done = run_atlas(known.arguments(folder))
        if done.code:
            raise RuntimeError(done.said)
    before = contents(path)
    sae = list(known.arguments(folder))[-1]
    ended = run_atlas(
        ("ingest", path, source, "--sae", sae, "--corpus", corpus, "--domain", "bad", "--on-error", "skip")
    )
    after = contents(path)
    faults = [] if ended.code == 0 else [fault for fault in (ended.fault(),) if fault]
    faults += ["refused, and yet something changed"] * (ended.code != 0 and after != before)
    for name in ("document", "corpus", "activation", "token", "context", "feature_document"):
        faults += [f"rows of {name} are lost or changed"] * (not set(before[name]) <= set(after[name]))
    return faults + broken(path)


def _made_up(cases: int) -> Iterator[Case]:
    """Records that Hypothesis makes up, as JSON lines between good ones."""
    made: list[Case] = []

    @settings(
        max_examples=cases,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(RECORDS)
    def collect(records: list[object]) -> None:
        if len(made) < cases:
            lines = [json.dumps({"text": GOOD}), *_dumped(records), json.dumps({"text": f"{GOOD} Too."})]
            data = "\n".join(lines).encode("utf-8", "surrogatepass")
            made.append(Case(f"made{len(made)}.jsonl", data, (GOOD, f"{GOOD} Too."), "made up"))

    with contextlib.suppress(Exception):
        collect()
    yield from made


def _dumped(records: list[object]) -> Iterator[str]:
    for number, record in enumerate(records):
        yield json.dumps(record, ensure_ascii=bool(number % 2))
