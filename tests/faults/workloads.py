"""What is disturbed: commands, each with the files that it begins with and those that it should end with."""

import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from atlas.publish.current import read_current
from atlas.publish.snapshot_facts import content_fingerprint
from schema import open_atlas
from tests.faults.children import Ended, run_atlas, warm_up
from tests.faults.rows import Contents, broken, contents, leftovers, site_broken, size_of, unreadable
from tests.made.older_atlas import build_older_atlas
from tests.made.study_notebook import write_notebook
from tests.made.tiny_models import save_sae, tiny_sae

ATLAS, COPY, SITE, SCHEDULE, LABELS = "atlas.duckdb", "copy.duckdb", "site", "schedule.toml", "labels.csv"
NAMES = (
    "ingest",
    "contrast",
    "explain",
    "patch",
    "direct",
    "attention",
    "reproduce",
    "steer",
    "ablate",
    "neighbours",
    "cluster",
    "match",
    "label",
    "score",
    "labels",
    "graph",
    "schedule",
    "edit",
    "publish",
    "backup",
    "compact",
    "migrate",
)
BUNDLED = ("bundled:medical", "bundled:control")
DOCUMENTS = 8  # of each corpus
FEATURES = ("--feature", "0", "--feature", "1", "--feature", "2")


@dataclass(frozen=True)
class Outcome:
    """What a folder holds in the end: the atlas, a copy of it, and whether its site shows the atlas as it is."""

    atlas: Contents
    copy: Contents | None
    site: bool | None


@dataclass(frozen=True)
class Workload:
    """A command, the folder it begins with, and what an undisturbed run makes of it.

    `growth`: bytes by which it makes the folder larger; `steady`: the rows of the atlas are the same at every moment;
    `jobs`: it does several, and where one fails, those after it are done before it.
    """

    name: str
    arguments: Callable[[Path], Sequence[object]]
    start: Path
    expected: Outcome
    seconds: float
    growth: int
    steady: bool = False
    jobs: bool = False

    def begin(self, folder: Path) -> None:
        """Fill a new folder with what the command begins with."""
        shutil.copytree(self.start, folder)

    def faults(self, folder: Path) -> list[str]:
        """What does not hold in a folder, whatever happened there."""
        found = broken(folder / ATLAS) + broken(folder / COPY) + site_broken(folder / SITE)
        found += [fault for kept in folder.glob("[!.]*.v1*") for fault in unreadable(kept)]
        if self.steady and contents(folder / ATLAS) != self.expected.atlas:
            found.append("the rows have changed")
        return [f"{self.name}: {fault}" for fault in found]

    def differences(self, folder: Path, *, in_order: bool = True) -> list[str]:
        """How the folder of a finished command differs from that of an undisturbed one.

        Rows that came in another order have other keys, so that without `in_order` each table's are counted.
        """
        found, wanted = outcome(folder), self.expected
        rows = {name: (found.atlas[name], wanted.atlas[name]) for name in wanted.atlas}
        differing = [
            f"{name} differs" for name, (one, two) in rows.items() if (one != two if in_order else len(one) != len(two))
        ]
        differing += ["the copy differs"] * (found.copy != wanted.copy)
        differing += ["the site differs"] * (found.site != wanted.site)
        return [f"{self.name}: {difference}" for difference in differing + leftovers(folder)]


def outcome(folder: Path) -> Outcome:
    """What a folder holds."""
    copy, current = folder / COPY, read_current(folder / SITE)
    return Outcome(
        contents(folder / ATLAS),
        contents(copy) if copy.exists() else None,
        current.fingerprint == _fingerprint(folder / ATLAS) if current else None,
    )


def _fingerprint(path: Path) -> str:
    """That of the atlas' own rows: sums that were made in another order may differ in their last digit."""
    with open_atlas(path, read_only=True) as atlas:
        return content_fingerprint(atlas)


class Bench:
    """Builds workloads in a folder, with a tiny SAE over the embedded model; each begins with what others made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sources = [_write_documents(folder, name) for name in ("medical", "control")]
        self.sae, self.other = (_save_sae(folder / name, 2, 24) for name in ("sae", "other"))
        self.earlier = _save_sae(folder / "earlier", 1, 24)
        warm_up(self.sae)
        self._built: dict[str, Workload] = {}

    def workloads(self, names: Sequence[str] = NAMES) -> list[Workload]:
        """The named workloads, built by undisturbed runs."""
        return [self.workload(name) for name in names]

    def workload(self, name: str) -> Workload:
        """A workload; built once, and what it begins with before it."""
        if name not in self._built:
            self._built[name] = getattr(self, f"_{name}")()
        return self._built[name]

    def _ingest(self) -> Workload:
        return self._build("ingest", (), lambda at: ("ingest", at / ATLAS, *self.sources, "--sae", self.sae))

    def _growing(self) -> Workload:
        return self._build("growing", (), lambda at: ("ingest", at / ATLAS, *BUNDLED, "--sae", self.sae))

    def _contrast(self) -> Workload:
        named = ("medical", "--positive", "medical", "--control", "control", "--null", "10")
        return self._build("contrast", (self._end_of("ingest"),), lambda at: ("contrast", at / ATLAS, *named))

    def _explain(self) -> Workload:
        asked = ("--documents", "medical", "--limit", "3", "--pairs", "2", "--sae", self.sae)
        return self._build("explain", (self._end_of("contrast"),), lambda at: ("explain", "token", at / ATLAS, *asked))

    def _patch(self) -> Workload:
        asked = ("--clean", "medical", "--corrupted", "control", *FEATURES, "--sae", self.sae)
        return self._build("patch", (self._end_of("contrast"),), lambda at: ("circuit", "patch", at / ATLAS, *asked))

    def _direct(self) -> Workload:
        asked = ("--documents", "medical", *FEATURES, "--sae", self.sae)
        return self._build("direct", (self._end_of("contrast"),), lambda at: ("circuit", "direct", at / ATLAS, *asked))

    def _attention(self) -> Workload:
        asked = ("--documents", "medical", "--contrast", "medical", "--sae", self.sae)
        start = (self._end_of("contrast"),)
        return self._build("attention", start, lambda at: ("circuit", "attention", at / ATLAS, *asked))

    def _reproduce(self) -> Workload:
        texts = [[json.loads(line)["text"] for line in path.read_text().splitlines()] for path in self.sources]
        lists = {"prompts_health": texts[0][:2], "prompts_med": texts[0], "prompts_no_med": texts[1]}
        notebook = write_notebook(self.folder / "study.ipynb", lists)
        asked = ("--sae", self.sae, "--sae", self.other, "--no-matched", "--null", "10")
        return self._build("reproduce", (), lambda at: ("reproduce", notebook, at / ATLAS, *asked))

    def _steer(self) -> Workload:
        asked = ("--documents", "medical", "--limit", "2", *FEATURES, "--sae", self.sae)
        return self._build("steer", (self._end_of("contrast"),), lambda at: ("circuit", "steer", at / ATLAS, *asked))

    def _ablate(self) -> Workload:
        asked = ("--positive", "medical", "--control", "control", "--limit", "4", *FEATURES, "--sae", self.sae)
        return self._build("ablate", (self._end_of("contrast"),), lambda at: ("circuit", "ablate", at / ATLAS, *asked))

    def _neighbours(self) -> Workload:
        return self._build("neighbours", (self._end_of("ingest"),), lambda at: ("neighbours", at / ATLAS))

    def _cluster(self) -> Workload:
        asked = ("--by", "decoder", "--by", "jaccard", "--sae", self.sae)
        return self._build("cluster", (self._end_of("neighbours"),), lambda at: ("cluster", at / ATLAS, *asked))

    def _match(self) -> Workload:
        saes = ("--sae", self.sae, "--sae", self.other)
        return self._build("match", (self._with_another_sae(),), lambda at: ("match", at / ATLAS, *saes))

    def _label(self) -> Workload:
        return self._build("label", (self._end_of("ingest"),), lambda at: ("label", "make", at / ATLAS))

    def _score(self) -> Workload:
        return self._build("score", (self._end_of("label"),), lambda at: ("label", "score", at / ATLAS))

    def _labels(self) -> Workload:
        before = self._end_of("label"), self._labelled_by_others()
        return self._build("labels", before, lambda at: ("label", "import", at / ATLAS, at / LABELS))

    def _wider(self) -> Workload:
        """What a graph begins with: the documents read by an earlier SAE, too."""
        asked = (self.sources[0], "--sae", self.earlier)
        return self._build("wider", (self._end_of("contrast"),), lambda at: ("ingest", at / ATLAS, *asked))

    def _graph(self) -> Workload:
        asked = ("--documents", "medical", "--limit", "4", *FEATURES, "--sae", self.sae, "--sae", self.earlier)
        return self._build("graph", (self._end_of("wider"),), lambda at: ("circuit", "graph", at / ATLAS, *asked))

    def _schedule(self) -> Workload:
        named = ("--once", "--job", "medical", "--job", "control")
        return self._build("schedule", (self._scheduled(),), lambda at: ("schedule", at / SCHEDULE, *named), jobs=True)

    def _edit(self) -> Workload:
        named = ("--once", "--job", "notes")
        return self._build("edit", (self._edited(),), lambda at: ("schedule", at / SCHEDULE, *named), jobs=True)

    def _publish(self) -> Workload:
        before = self._end_of("contrast"), self._published()
        return self._build("publish", before, lambda at: ("publish", at / ATLAS, at / SITE), steady=True)

    def _backup(self) -> Workload:
        before = (self._end_of("contrast"),)
        return self._build("backup", before, lambda at: ("backup", at / ATLAS, at / COPY, "--force"), steady=True)

    def _compact(self) -> Workload:
        return self._build("compact", (self._with_holes(),), lambda at: ("compact", at / ATLAS), steady=True)

    def _migrate(self) -> Workload:
        return self._build("migrate", (self._older(),), lambda at: ("verify", "--migrate", at / ATLAS))

    def _build(
        self, name: str, before: Sequence[Path], arguments: Callable[[Path], Sequence[object]], **kind: bool
    ) -> Workload:
        """A workload that begins with what is in those folders, laid over each other, and ran once undisturbed."""
        start, done = self.folder / "start" / name, self.folder / "done" / name
        start.mkdir(parents=True)
        for place in before:
            shutil.copytree(place, start, dirs_exist_ok=True)
        shutil.copytree(start, done)
        began = time.monotonic()
        _must(run_atlas(arguments(done)))
        seconds, growth = time.monotonic() - began, max(0, size_of(done) - size_of(start))
        expected = outcome(done)
        if expected.site is False:
            raise RuntimeError(f"{name}: the site does not show the atlas")
        return Workload(name, arguments, start, expected, seconds, growth, **kind)

    def _end_of(self, name: str) -> Path:
        """The folder in which a workload ran undisturbed."""
        self.workload(name)
        return self.folder / "done" / name

    def _scheduled(self) -> Path:
        """A schedule of two corpora, a contrast and a site; its atlas is not there yet."""
        folder = self._new_folder("schedule")
        medical, control = map(str, self.sources)
        (folder / SCHEDULE).write_text(
            f"""
            atlas = "{ATLAS}"
            saes = ["{self.sae}"]

            [publish]
            site = "{SITE}"

            [contrast.medical]
            positive = ["medical"]
            control = ["control"]

            [corpus.medical]
            sources = ["{medical}"]
            domain = "medical"
            every = "1h"

            [corpus.control]
            sources = ["{control}"]
            domain = "control"
            every = "1h"
            contrasts = ["medical"]
            publish = true
            """,
            encoding="utf-8",
        )
        return folder

    def _edited(self) -> Path:
        """A schedule that drops what is gone, and its source, edited since: ids, terms and texts are others now."""
        folder = self._new_folder("edited")
        (folder / SCHEDULE).write_text(
            f"""
            atlas = "{ATLAS}"
            saes = ["{self.sae}"]

            [corpus.notes]
            sources = ["notes.jsonl"]
            gone = "drop"
            """,
            encoding="utf-8",
        )
        rows = [json.loads(line) for path in self.sources for line in path.read_text(encoding="utf-8").splitlines()]
        texts = [row["text"] for row in rows]
        _write_notes(folder, [{"id": str(place), "text": text} for place, text in enumerate(texts)])
        _must(run_atlas(("schedule", folder / SCHEDULE, "--once")))
        shifted = [{"id": str(place + 1), "text": text, "licence": "CC0"} for place, text in enumerate(texts[:-2])]
        changed = [{"id": "0", "text": "Another text."}, {"id": "new", "text": "And one more."}, {"text": texts[0]}]
        _write_notes(folder, [*changed[:1], *shifted[2:], shifted[0], *changed[1:]])
        return folder

    def _published(self) -> Path:
        """A site that shows an earlier state."""
        folder = self._new_folder("published")
        _must(run_atlas(("publish", self._end_of("ingest") / ATLAS, folder / SITE)))
        return folder

    def _with_another_sae(self) -> Path:
        """An atlas whose documents two SAEs have read."""
        folder = self._new_folder("another")
        shutil.copy(self._end_of("ingest") / ATLAS, folder)
        _must(run_atlas(("ingest", folder / ATLAS, *self.sources, "--sae", self.other)))
        return folder

    def _labelled_by_others(self) -> Path:
        """A file of labels, some hundred of them."""
        folder = self._new_folder("labels")
        with open_atlas(self._end_of("label") / ATLAS, read_only=True) as atlas:
            ((sae,),) = atlas.rows("SELECT label FROM sae")
        rows = [f"{sae},{number % 24},label {number}\n" for number in range(240)]
        (folder / LABELS).write_text("sae,feature,label\n" + "".join(rows), encoding="utf-8")
        return folder

    def _with_holes(self) -> Path:
        """An atlas from which half of the documents were removed."""
        folder = self._new_folder("holes")
        shutil.copy(self._end_of("contrast") / ATLAS, folder)
        _must(run_atlas(("remove", folder / ATLAS, "--corpus", "control")))
        return folder

    def _older(self) -> Path:
        """An atlas of the first version."""
        folder = self._new_folder("older")
        build_older_atlas(self._end_of("ingest") / ATLAS, folder / ATLAS, version=1)
        return folder

    def _new_folder(self, name: str) -> Path:
        folder = self.folder / "made" / name
        folder.mkdir(parents=True)
        return folder


def _save_sae(folder: Path, block: int, d_sae: int) -> str:
    """A tiny SAE over the embedded model."""
    module = tiny_sae("standard", d_in=256, d_sae=d_sae, hook_name=f"blocks.{block}.hook_resid_pre")
    module.b_enc.data -= 2.0  # or every feature fires everywhere
    return save_sae(module, folder, model_name="pocket", context_size=32, prepend_bos=True)


def _must(ended: Ended) -> None:
    if ended.code != 0:
        raise RuntimeError(ended.said)


def _write_notes(folder: Path, rows: Sequence[dict[str, str]]) -> None:
    (folder / "notes.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def _write_documents(folder: Path, name: str) -> Path:
    """The first documents of a bundled corpus, as a file."""
    bundled = files("ingest").joinpath("corpora", f"{name}.jsonl").read_text(encoding="utf-8")
    path = folder / f"{name}.jsonl"
    path.write_text("".join(bundled.splitlines(keepends=True)[:DOCUMENTS]), encoding="utf-8")
    return path
