"""What is to be explained, and how: the arguments of the job."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ingest.attribution.readouts import Output

Question = Literal["token", "feature", "logit"]
Estimator = Literal["auto", "exact", "permutation", "partition"]

TOKEN_PAIRS = 8
FEATURE_PAIRS = 64
"""Pairs of permutations by default: features cost little each, and interact more."""


@dataclass(frozen=True)
class Method:
    """How values are estimated: `auto` is exact up to 12 players, and paired permutations beyond.

    The baseline is what stands for an absent player: see `token_game` and `feature_game`. With `study`, the study's
    own filter is run beside.
    """

    baseline: str
    estimator: Estimator = "auto"
    pairs: int = TOKEN_PAIRS
    seed: int = 0
    study: bool = False


@dataclass(frozen=True)
class Target:
    """What is explained: a token's logit (None: the model's own top token), or features.

    For the question `logit`, features say at which position: where each is strongest.
    """

    token: str | None = None
    output: Output = "logit"
    features: tuple[int, ...] = ()
    position: int | None = None
    every_position: bool = False


@dataclass(frozen=True)
class ExplainRequest:
    """What to explain in which atlas: windows of documents, texts given by hand, or both."""

    atlas: Path
    question: Question
    method: Method
    target: Target = field(default_factory=Target)
    documents: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    limit: int | None = None
    sae: str = "pocket"
    model: str | None = None
    device: str = "cpu"
