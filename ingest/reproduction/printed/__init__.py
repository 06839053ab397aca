"""What the study printed, and the SAEs that it printed it of.

Source: the outputs of the study's notebook, github.com/MysticDeepAI/Interpreting-Language-Models-with-SAEs-and-SHAP-
Analyzing-Activations-for-Medical-Terms: candidates.csv is its table of 40 features, lists.csv its six lists of ten
features by moments of logit weights. Numbers of the table count from one, those of the lists from zero.
"""

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from schema.errors import SourceError
from schema.file_names import shown_path

RELEASE = "gpt2-small-res-jb"
MEASURED = f"{RELEASE}/blocks.8.hook_resid_pre"
"""The SAE whose activations the study compared."""
LOADED = f"{RELEASE}/blocks.0.hook_resid_pre"
"""The SAE that its loop over layers loaded each time: that of its logit weights and of its label."""
NUMBER = 6490
"""The number that the study names its feature by."""

SIZES = {"prompts_med": 84, "prompts_no_med": 86, "prompts_health": 104}
"""How many prompts each list of the notebook has; its text says 84 controls."""

COLUMNS = ("printed_number", "mean_medical", "mean_non_medical", "difference")

Heading = Literal["std", "skewness", "kurtosis"]
End = Literal["highest", "lowest"]
PrintedLists = Mapping[tuple[Heading, End], tuple[int, ...]]


@dataclass(frozen=True)
class Printed:
    """A printed list of candidates, in its order.

    Shapes: each (row,); number counts features from one; positive and control are means of means, BOS counted.
    """

    number: Int[np.ndarray, " row"]
    positive: Float[np.ndarray, " row"]
    control: Float[np.ndarray, " row"]
    difference: Float[np.ndarray, " row"]

    def __len__(self) -> int:
        return len(self.number)

    @property
    def feature(self) -> Int[np.ndarray, " row"]:
        """The zero-based index that each number stands for."""
        return self.number - 1

    def content(self) -> list[list[float]]:
        """All of it, for a hash."""
        return [values.tolist() for values in (self.number, self.positive, self.control, self.difference)]


def printed_candidates(sae: str) -> Printed | None:
    """The study's table of candidates, if it is of this SAE."""
    text = files(__name__).joinpath("candidates.csv").read_text(encoding="utf-8")
    return _parsed(text, "candidates.csv") if sae == MEASURED else None


def printed_lists(sae: str) -> PrintedLists:
    """The study's lists by moments, if they are of this SAE; empty otherwise."""
    found: dict[tuple[Heading, End], tuple[int, ...]] = {}
    if sae != LOADED:
        return found
    text = files(__name__).joinpath("lists.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(io.StringIO(text)):
        key: tuple[Heading, End] = row["heading"], row["end"]  # type: ignore[assignment]
        found[key] = (*found.get(key, ()), int(row["feature"]))
    return found


def read_candidates(path: Path) -> Printed:
    """A list of candidates that another run printed, in the columns of the study's table.

    Raises:
        SourceError: it cannot be read, lacks a column, holds what is no number, or a number twice.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SourceError(f"{shown_path(path)}: cannot be read ({error.strerror}); check the path") from error
    except UnicodeDecodeError as error:
        raise SourceError(f"{shown_path(path)}: is not UTF-8; save it as UTF-8") from error
    return _parsed(text, shown_path(path))


def _parsed(text: str, name: str) -> Printed:
    rows = list(csv.DictReader(io.StringIO(text)))
    missing = [column for column in COLUMNS if not rows or column not in rows[0]]
    if missing:
        raise SourceError(f"{name}: has no column {missing[0]}; a printed list has {', '.join(COLUMNS)}")
    values = [[_number(row[column], f"{name}:{line}: {column}") for column in COLUMNS] for line, row in _numbered(rows)]
    number, positive, control, difference = np.array(values, dtype=np.float64).T
    if len(np.unique(number)) < len(number) or (number < 1).any() or (number % 1 != 0).any():
        raise SourceError(f"{name}: printed_number must be whole numbers from 1, each once")
    return Printed(number.astype(np.int64), positive, control, difference)


def _numbered(rows: list[dict[str, str]]) -> list[tuple[int, dict[str, str]]]:
    return list(enumerate(rows, start=2))


def _number(text: str | None, where: str) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise SourceError(f"{where} is {text!r}, which is no number")
    return value
