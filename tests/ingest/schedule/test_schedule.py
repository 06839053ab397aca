"""Scheduled jobs on a real atlas: new, changed and gone documents, what is waited for, and what goes wrong."""

import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine

from atlas.cli.main import cli
from atlas.publish import publish, read_current
from atlas.publish.current import hold_site
from ingest.jobs.progress import Progress, Report
from ingest.jobs.reader import KeptReader, Reader
from ingest.rows.batches import BATCH_DOCUMENTS
from ingest.schedule.config import Schedule
from ingest.schedule.history import read_job_histories
from ingest.schedule.job_runner import Runner
from ingest.schedule.loop import SystemClock, only_schedule_loop, run_forever, run_once
from queries import run_query
from schema import Atlas, open_atlas
from schema.verify import verify
from tests.made.empty_atlas import write_empty_atlas
from tests.made.patience import PATIENCE_SECONDS
from tests.made.permissions import without_privileges
from tests.made.scheduling import HOOK_NAME, MovedClock, runner_of, schedule_of, select, tiny_reader, utc
from tests.made.tiny_models import save_sae, tiny_sae

NOON = utc("2026-10-05 12:00")
TEXTS = ("Asthma narrows the airways.", "Bread rises slowly.", "Gout swells the joints.", "Frost cracks the road.")
BATCHES = [f"{number}." for number in range(BATCH_DOCUMENTS + 2)]
"""One batch, and the beginning of another."""


@pytest.fixture(scope="module")
def reader(pocket: Any) -> KeptReader:
    """The embedded model under a tiny SAE."""
    return tiny_reader(pocket)


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An atlas that holds nothing."""
    return write_empty_atlas(tmp_path_factory.mktemp("blank") / "atlas.duckdb")


@pytest.fixture
def folder(tmp_path: Path, blank: Path) -> Path:
    """A folder for a schedule, with the atlas that it writes to."""
    shutil.copy(blank, tmp_path / "atlas.duckdb")
    return tmp_path


@pytest.fixture
def clock() -> Iterator[MovedClock]:
    """A clock that stands at noon, and asks to stop a day later."""
    with time_machine.travel(NOON, tick=False) as machine:
        yield MovedClock(machine, NOON + timedelta(days=1))


def write(path: Path, *texts: str, **ids: str) -> None:
    """A .jsonl file of texts, and of texts with ids."""
    path.parent.mkdir(exist_ok=True)
    records = [{"text": text} for text in texts] + [{"id": key, "text": text} for key, text in ids.items()]
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


def stored(schedule: Schedule) -> list[str]:
    """The texts in the atlas."""
    return [text for (text,) in select(schedule.atlas, "SELECT text FROM document ORDER BY text")]


def runs(schedule: Schedule, columns: str = "job, status, attempt, reason") -> list[tuple[Any, ...]]:
    """The rows of `scheduled_run`, as they were written."""
    return select(schedule.atlas, f"SELECT {columns} FROM scheduled_run ORDER BY scheduled_run")


def holds(path: Path) -> bool:
    """Whether every invariant of an atlas holds."""
    with open_atlas(path, read_only=True) as atlas:
        return not any(finding.violations for finding in verify(atlas))


def sums(path: Path) -> list[tuple[Any, ...]]:
    """What is summed of each corpus, by name and without keys."""
    columns = "name, feature, feature_corpus.documents, active_tokens, max_activation, mean_active"
    return select(path, f"SELECT {columns} FROM feature_corpus JOIN corpus USING (corpus) ORDER BY name, feature")


NEWS = '[corpus.news]\nsources = ["*.jsonl"]\ndomain = "news"\n'


def test_documents_that_are_gone_are_dropped_exactly(
    folder: Path, blank: Path, reader: KeptReader, clock: MovedClock
) -> None:
    schedule = schedule_of(folder, NEWS + 'gone = "drop"')
    runner = runner_of(schedule, reader, clock)
    write(folder / "a.jsonl", *TEXTS[:3])
    write(folder / "b.jsonl", TEXTS[3], one="First wording.")
    assert run_once(runner) == (1, 0)
    write(folder / "a.jsonl", *TEXTS[:2])
    write(folder / "b.jsonl", TEXTS[3], one="Second wording.")
    assert run_once(runner) == (1, 0)
    assert stored(schedule) == sorted([*TEXTS[:2], TEXTS[3], "Second wording."])
    fresh = replace(schedule, atlas=Path(shutil.copy(blank, folder / "fresh.duckdb")))
    run_once(runner_of(fresh, reader, clock))
    for ours, theirs in zip(sums(schedule.atlas), sums(fresh.atlas), strict=True):
        assert ours[:4] == theirs[:4]
        assert ours[4:] == pytest.approx(theirs[4:], rel=1e-5)  # other batches: the model's rounding differs
    assert holds(schedule.atlas)


def test_documents_that_are_gone_stay_unless_they_are_to_be_dropped(
    folder: Path, reader: KeptReader, clock: MovedClock
) -> None:
    schedule = schedule_of(folder, NEWS)
    write(folder / "a.jsonl", *TEXTS)
    run_once(runner_of(schedule, reader, clock))
    write(folder / "a.jsonl", *TEXTS[:1])
    run_once(runner_of(schedule, reader, clock))
    assert stored(schedule) == sorted(TEXTS)


def spoil_line(folder: Path) -> None:
    (folder / "a.jsonl").write_text('{"text": "Asthma narrows the airways."}\n{"text": \n')


def spoil_second(folder: Path) -> None:
    write(folder / "a.jsonl", TEXTS[0])
    (folder / "b.jsonl").write_bytes(b"\x1f\x8b not text")


def empty_one(folder: Path) -> None:
    write(folder / "a.jsonl", TEXTS[0])
    (folder / "b.jsonl").unlink()


@pytest.mark.parametrize(
    ("spoil", "on_error"), [(spoil_line, "stop"), (spoil_line, "skip"), (spoil_second, "skip"), (empty_one, "skip")]
)
def test_a_source_that_is_not_wholly_read_drops_nothing(
    folder: Path, reader: KeptReader, clock: MovedClock, spoil: Callable[[Path], None], on_error: str
) -> None:
    text = '[corpus.news]\nsources = ["a.jsonl", "b*.jsonl"]\ndomain = "news"\ngone = "drop"\n'
    schedule = schedule_of(folder, text + f'on_error = "{on_error}"')
    write(folder / "a.jsonl", *TEXTS[:2])
    write(folder / "b.jsonl", *TEXTS[2:])
    run_once(runner_of(schedule, reader, clock))
    spoil(folder)
    run_once(runner_of(schedule, reader, clock), ["news"])
    assert stored(schedule) == sorted(TEXTS)
    ((_, status, _, reason),) = runs(schedule)[1:]
    if spoil is empty_one or on_error == "stop":
        assert status == "failed"
    else:
        assert (status, reason.partition(":")[0]) == ("done", "no document is dropped as gone")


def test_a_file_that_is_being_copied_anew_is_not_gone(folder: Path, reader: KeptReader, clock: MovedClock) -> None:
    schedule = schedule_of(folder, '[corpus.news]\nsources = ["drop/"]\ndomain = "news"\ngone = "drop"')
    write(folder / "drop" / "a.jsonl", *TEXTS[:2])
    write(folder / "drop" / "b.jsonl", *TEXTS[2:])
    run_once(runner_of(schedule, reader, clock))
    (folder / "drop" / "b.jsonl").rename(folder / "drop" / "b.jsonl.part")
    assert run_once(runner_of(schedule, reader, clock)) == (1, 0)
    assert stored(schedule) == sorted(TEXTS)
    assert runs(schedule, "reason")[1][0].endswith(f"were skipped, such as {folder}/drop/b.jsonl.part")


@pytest.mark.parametrize("source", ["drop/", "drop/**/*.jsonl", "hf:./drop"])
def test_a_folder_that_became_a_link_is_not_gone(
    folder: Path, reader: KeptReader, clock: MovedClock, source: str
) -> None:
    schedule = schedule_of(folder, f'[corpus.news]\nsources = ["{source}"]\ndomain = "news"\ngone = "drop"')
    write(folder / "drop" / "a.jsonl", *TEXTS[:2])
    write(folder / "drop" / "in" / "b.jsonl", *TEXTS[2:])
    run_once(runner_of(schedule, reader, clock))
    (folder / "drop" / "in").rename(folder / "away")
    (folder / "drop" / "in").symlink_to("../away")
    assert run_once(runner_of(schedule, reader, clock), ["news"]) == (1, 0)
    assert stored(schedule) == sorted(TEXTS)
    (_, (reason,)) = runs(schedule, "reason")
    assert reason is None or f"1 records or files were skipped, such as {folder}/" in reason


@pytest.mark.parametrize("on_error", ["stop", "skip"])
def test_nothing_is_gone_that_lies_where_a_pattern_cannot_look(
    open_folder: Path, blank: Path, reader: KeptReader, clock: MovedClock, on_error: str
) -> None:
    Path(shutil.copy(blank, open_folder / "atlas.duckdb")).chmod(0o666)
    text = '[corpus.news]\nsources = ["**/*.jsonl"]\ndomain = "news"\ngone = "drop"\n'
    schedule = schedule_of(open_folder, text + f'on_error = "{on_error}"')
    write(open_folder / "one" / "a.jsonl", *TEXTS[:2])
    write(open_folder / "two" / "b.jsonl", *TEXTS[2:])
    run_once(runner_of(schedule, reader, clock))
    (open_folder / "two").chmod(0)
    with without_privileges():
        run_once(runner_of(schedule, reader, clock), ["news"])
    assert stored(schedule) == sorted(TEXTS)
    (_, (_, status, _, reason)) = runs(schedule)
    if on_error == "stop":
        assert status == "failed"
        assert f"{open_folder}/two: cannot be listed (Permission denied); check its permissions" in reason
    else:
        assert (status, reason.partition(":")[0]) == ("done", "no document is dropped as gone")


def test_an_empty_drop_folder_is_no_failure_and_drops_nothing(
    folder: Path, reader: KeptReader, clock: MovedClock
) -> None:
    schedule = schedule_of(folder, '[corpus.news]\nsources = ["drop/"]\ndomain = "news"\ngone = "drop"')
    write(folder / "drop" / "a.jsonl", *TEXTS)
    run_once(runner_of(schedule, reader, clock))
    (folder / "drop" / "a.jsonl").unlink()
    assert run_once(runner_of(schedule, reader, clock)) == (1, 0)
    assert stored(schedule) == sorted(TEXTS)
    assert runs(schedule, "reason")[1] == (f"no document is dropped as gone: {folder}/drop/ gave no document",)


def test_reordering_and_renaming_cost_nothing(folder: Path, reader: KeptReader, clock: MovedClock) -> None:
    schedule = schedule_of(folder, NEWS + 'gone = "drop"')
    write(folder / "a.jsonl", *TEXTS[:2], one="With an id.")
    write(folder / "b.jsonl", *TEXTS[2:])
    run_once(runner_of(schedule, reader, clock))
    before = select(schedule.atlas, "SELECT * FROM document ORDER BY document")
    write(folder / "a.jsonl", TEXTS[3], TEXTS[0])
    write(folder / "z.jsonl", TEXTS[1], TEXTS[2], one="With an id.")
    (folder / "b.jsonl").unlink()
    run_once(runner_of(schedule, reader, clock))
    assert select(schedule.atlas, "SELECT * FROM document ORDER BY document") == before
    counted = "SELECT documents, documents_known, tokens FROM ingest_run WHERE command = 'ingest' ORDER BY ingest_run"
    first, second = select(schedule.atlas, counted)
    assert first[:2] == (5, 0)
    assert second == (0, 5, 0)
    assert select(schedule.atlas, "SELECT COUNT(*) FROM ingest_run WHERE command = 'remove'") == [(0,)]


def test_without_a_domain_each_domain_is_a_corpus_and_gone_is_by_corpus(
    folder: Path, reader: KeptReader, clock: MovedClock
) -> None:
    schedule = schedule_of(folder, '[corpus.notes]\nsources = "notes.jsonl"\ngone = "drop"')
    records = [{"text": TEXTS[0], "domain": "medicine"}, {"text": TEXTS[1], "domain": "food"}]
    (folder / "notes.jsonl").write_text("\n".join(map(json.dumps, records)))
    run_once(runner_of(schedule, reader, clock))
    named = "SELECT name, text FROM document JOIN corpus USING (corpus) ORDER BY name"
    assert select(schedule.atlas, named) == [("notes/food", TEXTS[1]), ("notes/medicine", TEXTS[0])]
    records[1]["domain"] = "kitchen"
    (folder / "notes.jsonl").write_text("\n".join(map(json.dumps, records)))
    run_once(runner_of(schedule, reader, clock))
    assert select(schedule.atlas, named) == [("notes/kitchen", TEXTS[1]), ("notes/medicine", TEXTS[0])]


def save_tiny_sae(folder: Path, pocket: Any, seed: int = 1) -> None:
    """A SAELens folder of a tiny SAE that reads the embedded model."""
    module = tiny_sae("standard", d_in=pocket[0].config.d_model, hook_name=HOOK_NAME, seed=seed)
    save_sae(module, folder, hook_name=HOOK_NAME, model_name="pocket", context_size=64, prepend_bos=True)


def test_changed_weights_are_another_sae_and_unchanged_ones_are_loaded_once(
    folder: Path, pocket: Any, clock: MovedClock
) -> None:
    save_tiny_sae(folder / "saes" / "layer-2", pocket)
    write(folder / "a.jsonl", *TEXTS)
    schedule = schedule_of(folder, 'saes = ["saes/layer-2"]\n' + NEWS)
    reader = KeptReader(Reader(schedule.reader.saes))
    run_once(runner_of(schedule, reader, clock))
    assert reader.load() is reader.load()
    first = reader.load()
    save_tiny_sae(folder / "saes" / "layer-2", pocket, seed=2)
    run_once(runner_of(schedule, reader, clock))
    assert reader.load() is not first
    identities = select(schedule.atlas, "SELECT release, sae_id, weights_sha256 FROM sae ORDER BY sae")
    assert [found[:2] for found in identities] == [("saes", "layer-2")] * 2
    assert [found[2] for found in identities] == [first[1][0].weights_sha256, reader.load()[1][0].weights_sha256]
    assert select(schedule.atlas, "SELECT sae, COUNT(*) FROM coverage GROUP BY sae ORDER BY sae") == [(0, 4), (1, 4)]
    apart = "SELECT COUNT(*) FROM (SELECT feature, context, position FROM activation GROUP BY ALL HAVING COUNT(*) > 2)"
    assert select(schedule.atlas, apart) == [(0,)]
    assert holds(schedule.atlas)


ILLNESS = """
[defaults]
contrasts = ["illness"]
[contrast.illness]
positive = ["papers"]
control = ["news"]
explain = { best = 1, windows = 2 }
[corpus.papers]
sources = "bundled:medical"
domain = "medicine"
limit = 6
[corpus.news]
sources = "bundled:control"
domain = "news"
limit = 6
"""


def test_contrasts_wait_for_both_sides_and_their_best_features_are_explained_once(
    folder: Path, reader: KeptReader, clock: MovedClock
) -> None:
    schedule = schedule_of(folder, ILLNESS)
    runner = runner_of(schedule, reader, clock)
    assert run_once(runner) == (2, 0)
    assert runs(schedule, "job, reason") == [
        ("papers", "contrast illness waits: 'news' holds no document yet"),
        ("news", None),
    ]
    with open_atlas(schedule.atlas, read_only=True) as atlas:
        best = run_query(atlas, "candidates", {"contrast": "illness", "max_q": 1.0, "limit": 1})["feature"].to_pylist()
    explained = "SELECT DISTINCT question, feature FROM explanation"
    assert select(schedule.atlas, explained) == [("feature", best[0])]
    before = select(schedule.atlas, "SELECT COUNT(*) FROM explanation")
    assert run_once(runner) == (2, 0)
    assert select(schedule.atlas, "SELECT COUNT(*) FROM explanation") == before
    commands = select(schedule.atlas, "SELECT command, COUNT(*) FROM ingest_run GROUP BY ALL ORDER BY ALL")
    assert commands == [("contrast", 1), ("explain", 1), ("ingest", 4)]


ASKED = """
[contrast.years]
target = "year"
[contrast.kinds]
classes = ["notes", "news"]
[corpus.notes]
sources = "notes.jsonl"
domain = "notes"
contrasts = ["years"]
[corpus.news]
sources = "news.jsonl"
domain = "news"
fields = "year"
contrasts = ["years", "kinds"]
"""


def test_numbers_and_classes_are_kept_up_to_date(folder: Path, reader: KeptReader, clock: MovedClock) -> None:
    for name in ("notes", "news"):
        lines = [json.dumps({"text": f"{name} of {year}.", "year": year}) for year in range(1990, 1996)]
        (folder / f"{name}.jsonl").write_text("\n".join(lines))
    schedule = schedule_of(folder, ASKED)
    assert run_once(runner_of(schedule, reader, clock)) == (2, 0)
    waits, done = runs(schedule, "job, reason")
    assert waits[1].startswith("contrast years waits: no document has a field 'year'")
    assert done == ("news", None)
    compared = "SELECT name, kind, documents_compared FROM sae_association JOIN association USING (association)"
    assert select(schedule.atlas, f"{compared} ORDER BY name") == [("kinds", "classes", 12), ("years", "target", 6)]
    assert holds(schedule.atlas)


def test_a_lock_is_waited_for_and_its_holder_named(folder: Path, reader: KeptReader, clock: MovedClock) -> None:
    write(folder / "a.jsonl", *TEXTS)
    schedule = schedule_of(folder, 'patience = "10m"\n' + NEWS + 'every = "1h"\nbackoff = "5m"')
    other: list[Atlas] = []
    clock.events = [
        (NOON + timedelta(minutes=30), lambda: other.append(open_atlas(schedule.atlas))),
        (NOON + timedelta(minutes=72), lambda: other.pop().close()),
        (NOON + timedelta(minutes=110), lambda: other.append(open_atlas(schedule.atlas))),
        (NOON + timedelta(minutes=125), lambda: other.pop().close()),
    ]
    clock.end = NOON + timedelta(minutes=140)
    assert run_forever(runner_of(schedule, reader, clock), seed="")
    known = runs(schedule, "status, attempt, planned_at, started_at, reason")
    times = [(status, attempt, planned.hour, started.minute) for status, attempt, planned, started, _ in known]
    assert times == [("done", 1, 12, 0), ("failed", 1, 13, 0), ("done", 2, 13, 15), ("done", 1, 14, 0)]
    assert known[1][4].startswith(f"waited 0:10:00: {schedule.atlas} is being written to by ")
    assert f"process {os.getpid()}" in known[1][4]


def test_another_publisher_is_waited_for(folder: Path, reader: KeptReader, clock: MovedClock) -> None:
    write(folder / "a.jsonl", *TEXTS)
    schedule = schedule_of(folder, 'publish = { site = "site" }\n' + NEWS + "publish = true")

    def publish_there(job: Any) -> None:
        publish(schedule.atlas, folder / "site")

    other = ExitStack()
    other.enter_context(hold_site(folder / "site"))
    clock.events = [(NOON + timedelta(minutes=3), other.close)]
    assert run_once(runner_of(schedule, reader, clock, publish_there)) == (1, 0)
    assert read_current(folder / "site") is not None
    assert clock.now() >= NOON + timedelta(minutes=3)
    assert runs(schedule) == [("news", "done", 1, None)]


def test_a_stop_ends_the_wait_for_a_lock_before_the_first_job(
    folder: Path, reader: KeptReader, clock: MovedClock
) -> None:
    schedule = schedule_of(folder, NEWS + 'every = "1h"')

    def halt() -> None:
        clock.halted = True

    with open_atlas(schedule.atlas):
        clock.events = [(NOON + timedelta(seconds=3), halt)]
        assert run_forever(runner_of(schedule, reader, clock), seed="")
        assert run_once(runner_of(schedule, reader, clock)) == (0, 0)
    assert clock.now() == NOON + timedelta(seconds=4)
    assert runs(schedule) == []


@dataclass
class Seized:
    """Work that finds the atlas in other hands once it begins."""

    work: Any
    path: Path
    hands: list[Atlas]

    def begin(self, job: Any, report: Any) -> Any:
        """The work itself."""
        self.hands.append(open_atlas(self.path))
        return self.work.begin(job, report)


def test_a_lock_that_lasts_is_waited_for_once_and_told_and_the_row_is_not_lost_in_silence(
    folder: Path, reader: KeptReader, clock: MovedClock, caplog: Any
) -> None:
    write(folder / "a.jsonl", *TEXTS)
    command = json.dumps([sys.executable, "-c", TELL, str(folder / "told.txt")])
    schedule = schedule_of(folder, f'patience = "10m"\n[notify]\ncommand = {command}\n' + NEWS)
    runner, hands = runner_of(schedule, reader, clock), []  # type: ignore[var-annotated]
    runner.work = Seized(runner.work, schedule.atlas, hands)
    assert run_once(runner) == (1, 1)
    assert clock.now() == NOON + timedelta(minutes=10)
    assert json.loads((folder / "told.txt").read_text())["error"].startswith("waited 0:10:00: ")
    assert "news: no row says how its run of 2026-10-05 12:00:00 UTC ended (failed, waited 0:10:00: " in caplog.text
    hands.pop().close()
    runner.finish()
    assert [found[:3] for found in runs(schedule)] == [("news", "failed", 1)]


class Broken:
    """Work that goes wrong in ways that nobody thought of."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def begin(self, job: Any, report: Any) -> Any:
        """It goes wrong at once."""
        raise self.error


def test_a_fault_of_the_program_is_a_failed_run_and_the_schedule_goes_on(
    folder: Path, reader: KeptReader, clock: MovedClock
) -> None:
    schedule = schedule_of(folder, NEWS + 'every = "6h"\nretries = 0')
    clock.end = NOON + timedelta(hours=7)
    assert run_forever(Runner(schedule, Broken(ZeroDivisionError("x / 0")), lambda job: None, clock), seed="")
    assert runs(schedule) == [("news", "failed", 1, "ZeroDivisionError: x / 0")] * 2


@dataclass
class SlowlyBroken:
    """Work that takes its time, and fails."""

    clock: MovedClock
    minutes: list[int]

    def begin(self, job: Any, report: Any) -> Any:
        """It fails at its end."""
        self.clock.wait(self.clock.now() + timedelta(minutes=self.minutes.pop(0)))
        raise ZeroDivisionError


def test_times_that_overlap_are_one_row_however_often_a_run_is_tried_again(folder: Path, clock: MovedClock) -> None:
    schedule = schedule_of(folder, NEWS + 'every = "1h"\nbackoff = "5m"')
    clock.end = NOON + timedelta(hours=1, minutes=50)
    assert run_forever(Runner(schedule, SlowlyBroken(clock, [70, 5, 5]), lambda job: None, clock), seed="")
    assert runs(schedule, "status, attempt, planned_at") == [
        ("failed", 1, datetime(2026, 10, 5, 12)),
        ("skipped", 1, datetime(2026, 10, 5, 13)),
        ("failed", 2, datetime(2026, 10, 5, 12)),
        ("failed", 3, datetime(2026, 10, 5, 12)),
    ]


def test_a_killed_run_is_closed_and_tried_again(folder: Path, reader: KeptReader, clock: MovedClock) -> None:
    write(folder / "a.jsonl", *TEXTS)
    schedule = schedule_of(folder, NEWS + 'cron = "0 3 * * *"\nbackoff = "5m"')
    with pytest.raises(KeyboardInterrupt):
        runner = Runner(schedule, Killed(), lambda job: None, clock)
        run_once(runner)
    assert runs(schedule, "status") == [("running",)]
    clock.end = NOON + timedelta(hours=1)
    assert run_forever(runner_of(schedule, reader, clock), seed="")
    assert runs(schedule, "status, attempt, started_at") == [
        ("failed", 1, NOON.replace(tzinfo=None)),
        ("done", 2, datetime(2026, 10, 5, 12, 5)),
    ]
    assert runs(schedule, "reason")[0] == ("killed; what it had stored stays, and the next run goes on from there",)


class Killed:
    """Work whose process goes away while the atlas is open."""

    def begin(self, job: Any, report: Any) -> Any:
        """The second part is what is cut off."""

        def fill(atlas: Any) -> Any:
            raise KeyboardInterrupt

        return fill


def test_a_run_that_is_killed_while_it_publishes_is_tried_again(
    folder: Path, reader: KeptReader, clock: MovedClock
) -> None:
    write(folder / "a.jsonl", *TEXTS)
    text = 'publish = { site = "site" }\n' + NEWS + 'cron = "0 3 * * *"\nbackoff = "5m"\npublish = true'
    schedule, published = schedule_of(folder, text), []

    def killed(job: Any) -> None:
        published.append(runs(schedule))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_once(runner_of(schedule, reader, clock, killed))
    assert published == [[("news", "done", 1, "its publishing is under way")]]
    with open_atlas(schedule.atlas, read_only=True) as atlas:
        last = read_job_histories(atlas, ["news"], clock.now())["news"].last
    assert last is not None
    assert last.status == "failed"
    clock.end = NOON + timedelta(hours=1)
    assert run_forever(runner_of(schedule, reader, clock, lambda job: published.append(runs(schedule))), seed="")
    assert len(published) == 2
    assert runs(schedule) == [
        ("news", "failed", 1, "killed; what it had stored stays, and the next run goes on from there"),
        ("news", "done", 2, None),
    ]


@dataclass
class StoppedLater:
    """Work during which somebody asks to stop, the third time it looks."""

    work: Any
    clock: MovedClock
    looks: int = 0

    def begin(self, job: Any, report: Report) -> Any:
        """The work itself."""

        def look(progress: Progress) -> None:
            self.looks += 1
            self.clock.halted = self.looks >= 3
            report(progress)

        return self.work.begin(job, look)


def test_a_stop_ends_a_job_at_its_next_batch_and_the_next_start_takes_it_up(
    folder: Path, reader: KeptReader, clock: MovedClock
) -> None:
    write(folder / "a.jsonl", *BATCHES)
    schedule = schedule_of(folder, NEWS + 'every = "1d"')
    runner = runner_of(schedule, reader, clock)
    runner.work = StoppedLater(runner.work, clock)
    assert not run_forever(runner, seed="")
    assert stored(schedule) == sorted(BATCHES[:BATCH_DOCUMENTS])
    assert runs(schedule, "status") == [("stopped",)]
    assert select(schedule.atlas, "SELECT status, documents FROM ingest_run") == [("failed", BATCH_DOCUMENTS)]
    clock.halted, clock.end = False, NOON + timedelta(minutes=1)
    assert run_forever(runner_of(schedule, reader, clock), seed="")
    assert stored(schedule) == sorted(BATCHES)
    assert runs(schedule, "status, attempt") == [("stopped", 1), ("done", 1)]
    assert holds(schedule.atlas)


def test_what_is_too_late_is_skipped_and_recorded(folder: Path, reader: KeptReader, clock: MovedClock) -> None:
    write(folder / "a.jsonl", *TEXTS)
    schedule = schedule_of(folder, NEWS + 'cron = "0 3 * * *"\ngrace = "2h"')
    run_once(runner_of(schedule, reader, clock))
    clock.end += timedelta(days=3)
    clock.wait(NOON + timedelta(days=2))
    clock.end = clock.now() + timedelta(hours=1)
    assert run_forever(runner_of(schedule, reader, clock), seed="")
    assert runs(schedule, "status, planned_at, missed, reason")[1:] == [
        ("skipped", datetime(2026, 10, 7, 3), 1, "missed by 9:00:00, more than its grace of 2:00:00")
    ]


@pytest.mark.parametrize(("names", "ran", "status"), [([], 0, "skipped"), (["news"], 1, "done")])
def test_what_is_too_late_is_run_where_it_is_named(
    folder: Path, reader: KeptReader, clock: MovedClock, names: list[str], ran: int, status: str
) -> None:
    write(folder / "a.jsonl", *TEXTS)
    schedule = schedule_of(folder, NEWS + 'cron = "0 3 * * *"\ngrace = "2h"')
    run_once(runner_of(schedule, reader, clock))
    clock.end += timedelta(days=3)
    clock.wait(NOON + timedelta(days=2))
    assert run_once(runner_of(schedule, reader, clock), names) == (ran, 0)
    assert runs(schedule, "status, planned_at")[1:] == [(status, datetime(2026, 10, 7, 3))]


TELL = "import sys; open(sys.argv[1], 'a').write(sys.stdin.read())"


@pytest.mark.parametrize(("attempts", "told"), [("every", [1, 2]), ("last", [2])])
def test_failures_are_told_as_json(
    folder: Path, reader: KeptReader, clock: MovedClock, attempts: str, told: list[int]
) -> None:
    command = json.dumps([sys.executable, "-c", TELL, str(folder / "told $(x) 'y'.txt")])
    text = f'[notify]\ncommand = {command}\nattempts = "{attempts}"\n' + NEWS
    schedule = schedule_of(folder, text + 'every = "1d"\nretries = 1\nbackoff = "5m"')
    clock.end = NOON + timedelta(hours=1)
    assert run_forever(runner_of(schedule, reader, clock), seed="")
    messages = [json.loads(line) for line in (folder / "told $(x) 'y'.txt").read_text().splitlines()]
    assert [message["attempt"] for message in messages] == told
    assert messages[-1] == {
        "schedule": str(schedule.path),
        "atlas": str(schedule.atlas),
        "job": "news",
        "planned_at": "2026-10-05T12:00:00+00:00",
        "attempt": 2,
        "error": runs(schedule, "reason")[1][0],
        "retry_at": None,
    }


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["/nowhere/tell"], "nobody could be told: /nowhere/tell cannot be run: No such file or directory"),
        ([sys.executable, "-c", "import sys; sys.exit('out of paper')"], "left with exit code 1: out of paper"),
        ([sys.executable, "-c", "import time; time.sleep(60)"], "took longer than 0:00:01"),
    ],
)
def test_that_nobody_could_be_told_harms_nothing(
    folder: Path, reader: KeptReader, clock: MovedClock, caplog: Any, command: list[str], said: str
) -> None:
    text = f'[notify]\ncommand = {json.dumps(command)}\ntimeout = "1s"\n' + NEWS
    assert run_once(runner_of(schedule_of(folder, text), reader, clock)) == (1, 1)
    assert said in caplog.text


def test_one_process_at_a_time_runs_a_schedule(folder: Path) -> None:
    schedule = schedule_of(folder, NEWS)
    with only_schedule_loop(schedule.path) as first, only_schedule_loop(schedule.path) as second:
        assert (first, second) == (True, False)
    with only_schedule_loop(schedule.path) as again:
        assert again


def test_a_schedule_that_an_editor_replaced_is_still_run_by_one_process(folder: Path) -> None:
    schedule = schedule_of(folder, NEWS)
    with only_schedule_loop(schedule.path) as first:
        shutil.copy(schedule.path, folder / "saved.toml")
        (folder / "saved.toml").replace(schedule.path)
        (folder / "link.toml").symlink_to(schedule.path)
        with only_schedule_loop(schedule.path) as second, only_schedule_loop(folder / "link.toml") as third:
            assert (first, second, third) == (True, False, False)
    assert not list(folder.glob(".*"))


def test_where_no_lock_file_can_be_made_the_schedule_itself_is_locked(open_folder: Path) -> None:
    schedule = schedule_of(open_folder, NEWS)
    open_folder.chmod(0o555)
    with without_privileges():
        with only_schedule_loop(schedule.path) as first, only_schedule_loop(schedule.path) as second:
            assert (first, second) == (True, False)
        with only_schedule_loop(schedule.path) as again:
            assert again
    assert schedule.path.exists()


def atlas_command(*words: str) -> Any:
    """Run `atlas WORDS` in this process; what it returns."""
    return cli.main(list(words), standalone_mode=False)


def test_once_runs_publishes_and_says_what_failed(folder: Path, pocket: Any, capsys: Any) -> None:
    save_tiny_sae(folder / "saes" / "tiny", pocket)
    schedule_of(
        folder,
        """
        timezone = "Europe/Berlin"
        saes = ["saes/tiny"]
        [publish]
        site = "site"
        keep = 2
        [corpus.medical]
        sources = "bundled:medical"
        limit = 4
        cron = "30 2 * * *"
        publish = true
        [corpus.news]
        sources = "later/*.txt"
        """,
    )
    path = str(folder / "schedule.toml")
    with pytest.raises(Exception, match=r"1 of 2 jobs of .* failed; what was stored stays"):
        atlas_command("schedule", path, "--once")
    current = (folder / "site" / "current.json").read_text()
    assert atlas_command("schedule", path, "--once", "--job", "medical") == 0
    assert (folder / "site" / "current.json").read_text() == current
    assert "1 job run" in capsys.readouterr().out
    ((status, _),) = select(folder / "atlas.duckdb", "SELECT status, attempt FROM scheduled_run WHERE job = 'news'")
    assert status == "failed"
    assert atlas_command("schedule", path, "--check") == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].split() == ["job", "Europe/Berlin", "UTC"]
    assert [line.split()[0] for line in printed[1:]] == ["medical"] * 3 + ["news"]
    assert printed[1].split()[3] == "02:30"


def test_a_signal_ends_a_job_at_its_next_batch_with_its_exit_code(folder: Path, pocket: Any) -> None:
    save_tiny_sae(folder / "saes" / "tiny", pocket)
    fifo = folder / "texts.txt"
    os.mkfifo(fifo)
    text = 'saes = "saes/tiny"\n[corpus.news]\nsources = "texts.txt"\ndomain = "news"\nevery = "1h"'
    schedule = schedule_of(folder, text)

    def write_and_stop() -> None:
        with fifo.open("w") as file:
            file.write("".join(f"{text}\n" for text in BATCHES))
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    writer = threading.Thread(target=write_and_stop)
    writer.start()
    assert atlas_command("schedule", str(schedule.path)) == 143
    writer.join()
    assert signal.getsignal(signal.SIGTERM) is before
    assert runs(schedule, "status") == [("stopped",)]
    assert len(stored(schedule)) < len(BATCHES)


def test_a_signal_ends_the_wait_for_a_lock_also_where_the_command_waits(folder: Path) -> None:
    schedule, before = schedule_of(folder, NEWS + 'every = "1h"'), signal.getsignal(signal.SIGTERM)

    def stop() -> None:
        while signal.getsignal(signal.SIGTERM) is before:
            time.sleep(0.01)
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGTERM)

    stopper = threading.Thread(target=stop)
    with open_atlas(schedule.atlas):
        stopper.start()
        began = time.monotonic()
        assert atlas_command("--wait", "600", "schedule", str(schedule.path), "--once") == 143
        assert time.monotonic() - began < PATIENCE_SECONDS
    stopper.join()


@pytest.mark.parametrize("line", range(20))
def test_a_stop_may_come_at_any_line_of_a_wait(line: int) -> None:
    """A signal's handler runs between two instructions of what it interrupts, whatever that holds."""
    clock, lines = SystemClock(), []

    def interrupt(frame: Any, event: str, argument: Any) -> Any:
        if event == "line":
            lines.append(frame)
            if len(lines) == line:
                clock.stop(signal.SIGTERM)
        return interrupt

    def wait() -> None:
        sys.settrace(interrupt)
        clock.wait(clock.now() + timedelta(milliseconds=50))

    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    waiting.join(timeout=PATIENCE_SECONDS)
    assert not waiting.is_alive()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--once", "--check"), "give one"),
        (("--job", "news"), "--job goes with --once"),
        (("--once", "--job", "mews"), "has no corpus 'mews'; did you mean 'news'?"),
    ],
)
def test_wrong_usage(folder: Path, words: tuple[str, ...], said: str) -> None:
    schedule = schedule_of(folder, NEWS)
    with pytest.raises(Exception, match=said):
        atlas_command("schedule", str(schedule.path), *words)
