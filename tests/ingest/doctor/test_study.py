"""What the study printed, held by doctor: a stand-in's figures in pandas are found, and each kind of fault is named."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from scipy.stats import skew

from atlas.cli.main import cli
from tests.made.published_release import LISTS, Entries, Reference, hook, save_release, write_known
from tests.made.study_method import listed, study_logits
from tests.made.study_notebook import write_notebook

MEASURED, LOADED = 2, 0


@dataclass(frozen=True)
class StandIn:
    """A release, what it gives by other means, and what the study would have printed of it."""

    folder: Path
    reference: Reference

    def entries(self, layer: int = MEASURED, loaded: int = LOADED, bos: int = 1, first: int = 0) -> Entries:
        """The figures of two SAEs, as if they were of MEASURED and LOADED."""
        table = self.reference.study_means(layer, bos, first)
        return self.reference.known_of_study(hook(MEASURED), table, hook(LOADED), self.logits(loaded))

    def logits(self, layer: int, *, folded: bool = True) -> np.ndarray:
        return study_logits(self.reference.model, self.reference.sae(layer), folded=folded)

    def doctor(
        self,
        place: Path,
        entries: Entries,
        lists: Mapping[str, Sequence[str]] | None = LISTS,
        *options: str,
        name: str = "",
    ) -> Result:
        """`atlas doctor` of all or one of it, against these entries, with a notebook of these lists."""
        known = write_known(place / "known.json", entries)
        notebook = ["--notebook", write_notebook(place / "study.ipynb", lists)] if lists else []
        release, model = self.folder / "standin" / name, self.folder / "model"
        arguments = ("doctor", release, "--model", model, "--expected", known, "--device", "cpu", *notebook, *options)
        return CliRunner().invoke(cli, [*map(str, arguments)])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> StandIn:
    folder = tmp_path_factory.mktemp("study")
    save_release(folder)
    return StandIn(folder, Reference(folder))


def test_what_pandas_gives_of_the_notebook_is_found(made: StandIn, tmp_path: Path) -> None:
    done = made.doctor(tmp_path, made.entries(), LISTS, "--format", "json")
    assert done.exit_code == 0, done.output
    rows = [row for row in json.loads(done.stdout) if row["source"] == "standin"]
    assert {row["verdict"] for row in rows} == {"ok"}
    said = [(row["of"], row["what"].split(",")[0]) for row in rows]
    assert said == [
        *((f"standin/{hook(LOADED)}", f"{end} {name} of logit weights") for name, end in made_lists()),
        *((f"standin/{hook(MEASURED)}", f"prompts in {name}") for name in LISTS),
        *((f"standin/{hook(MEASURED)}", f"means of {name}") for name in ("prompts_med", "prompts_no_med")),
        (f"standin/{hook(MEASURED)}", "candidates"),
    ]
    assert not Path("ran").exists()


def made_lists() -> list[tuple[str, str]]:
    return [(name, end) for name in ("std", "kurtosis", "skewness") for end in ("highest", "lowest")]


def test_without_the_notebook_one_line_says_what_was_not_held(made: StandIn, tmp_path: Path) -> None:
    done = made.doctor(tmp_path, made.entries(), None)
    assert done.exit_code == 0, done.output
    told = [line for line in done.output.splitlines() if "not held" in line]
    assert told == [
        f"{made.folder / 'standin'}: 6 values are not held: the study printed them of its prompts; "
        "name its notebook: --notebook FILE"
    ]
    assert hook(MEASURED) not in done.stdout
    assert "highest kurtosis of logit weights" in done.stdout
    one = made.doctor(tmp_path, made.entries(), None, name=hook(1))
    assert one.exit_code == 0 and "not held" not in one.output
    one = made.doctor(tmp_path, made.entries(), None, name=hook(MEASURED))
    assert "6 values are not held" in one.output


def by_skewness(made: StandIn) -> Entries:
    """Lists that are sorted by what they are called."""
    values = skew(made.logits(LOADED), axis=1)
    return [
        entry | {"features": listed(values, entry["end"])} if entry.get("heading") == "skewness" else entry
        for entry in made.entries()
    ]


def counted_from_one(made: StandIn) -> Entries:
    """The numbers as they are printed."""
    found = []
    for entry in made.entries():
        if entry["kind"] == "means":
            entry["means"] = [[feature + 1, mean] for feature, mean in entry["means"]]
        if "features" in entry:
            entry["features"] = [feature + 1 for feature in entry["features"]]
        found.append(entry)
    return found


def not_folded(made: StandIn) -> Entries:
    table, logits = made.reference.study_means(MEASURED), made.logits(LOADED, folded=False)
    return made.reference.known_of_study(hook(MEASURED), table, hook(LOADED), logits)


EDITED = LISTS | {"prompts_med": LISTS["prompts_med"][1:]}
OTHERS = LISTS | {"prompts_no_med": [text.replace("people", "doctors") for text in LISTS["prompts_no_med"]]}
FAULTS: dict[str, tuple[Callable[[StandIn], Entries], Mapping[str, Sequence[str]], tuple[str, ...]]] = {
    "counted from one": (counted_from_one, LISTS, ("feature number -1 gives here: their numbers are one off",)),
    "moments of another SAE": (
        lambda made: made.entries(loaded=MEASURED),
        LISTS,
        (f"{hook(LOADED)}: 6 missed: the values are those of standin/{hook(MEASURED)}: another SAE lies under",),
    ),
    "means of another SAE": (
        lambda made: made.entries(layer=LOADED),
        LISTS,
        (f"{hook(MEASURED)}: 3 missed: the values are those of standin/{hook(LOADED)}: another SAE lies under",),
    ),
    "BOS left out of means": (
        lambda made: made.entries(first=1),
        LISTS,
        ("3 missed: the values are what means without the BOS position give: it was not counted there",),
    ),
    "BOS doubled": (lambda made: made.entries(bos=2), LISTS, ("two BOS tokens before the text give",)),
    "no BOS": (lambda made: made.entries(bos=0), LISTS, ("a text without BOS gives",)),
    "not folded": (
        not_folded,
        LISTS,
        ("the weights were processed otherwise (folded, centred) there",),
    ),
    "sorted by skewness": (
        by_skewness,
        LISTS,
        ("2 missed: the values are not those of this decoder",),
    ),
    "a prompt taken away": (
        lambda made: made.entries(),
        EDITED,
        ("this notebook's have other lengths", "they are of other prompts"),
    ),
    "a word changed": (lambda made: made.entries(), OTHERS, ("the prompts are other texts than the study's",)),
}


@pytest.mark.parametrize("name", FAULTS)
def test_each_kind_of_fault_is_named(name: str, made: StandIn, tmp_path: Path) -> None:
    entries, lists, words = FAULTS[name]
    done = made.doctor(tmp_path, entries(made), lists)
    assert done.exit_code == 1, done.output
    said = " ".join(done.output.split())
    for each in words:
        assert each in said
    others = [each for other, (_, _, them) in FAULTS.items() if other != name for each in them if each not in words]
    assert not [each for each in others if each in said], said


@pytest.mark.parametrize(
    ("told", "answer"),
    [
        (
            {"kind": "moments", "heading": "mean", "end": "highest"},
            "heading is 'mean'; there are: std",
        ),
        ({"kind": "moments", "heading": "std", "end": "first"}, "end is 'first'; there are: highest, lowest"),
        ({"kind": "prompts", "list": "prompts", "count": 3}, "list is 'prompts'; there are: prompts_med"),
    ],
)
def test_what_names_nothing_of_the_study_is_told(
    made: StandIn, tmp_path: Path, told: dict[str, object], answer: str
) -> None:
    fields = {"sae_id": hook(0), "features": [1]} if told["kind"] == "moments" else {}
    done = made.doctor(tmp_path, [told | fields])
    assert done.exit_code == 1
    assert answer in str(done.exception)


def test_a_notebook_that_nothing_needs_or_that_is_none_is_told(made: StandIn, tmp_path: Path) -> None:
    done = made.doctor(tmp_path, made.reference.known(1), LISTS)
    assert "needs a notebook; leave --notebook out" in str(done.exception)
    done = made.doctor(tmp_path, made.entries(), {"prompts_med": LISTS["prompts_med"]})
    assert "no code cell assigns prompts_no_med" in str(done.exception)
    assert CliRunner().invoke(cli, ["doctor", "--notebook", "study.ipynb"]).exit_code == 2
