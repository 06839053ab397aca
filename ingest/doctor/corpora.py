"""What an SAE keeps of the bundled corpora, beside what its registry says of the text it was trained on.

Source: SAELens, `expected_l0` and `expected_var_explained` of its directory of pretrained SAEs.
"""

from functools import reduce
from itertools import islice
from operator import add

import torch

from ingest.doctor.examined_model import Subject
from ingest.doctor.expected import Expected
from ingest.quality.quality_sums import Reconstruction
from ingest.sources import Document, read_documents

CORPORA = ("bundled:medical", "bundled:control")
DOCUMENTS = 32
"""Read of each of them."""
L0_SHARE, VARIANCE = 0.5, 0.15
"""How far L0, as a share, and explained variance may be apart: short sentences are another text than the training's."""
SOURCE = "sae_lens"


def registry_figures(release: str, sae_id: str) -> list[Expected]:
    """L0 and explained variance of SAELens' registry, where it says them."""
    from sae_lens.loading.pretrained_saes_directory import get_pretrained_saes_directory

    found = get_pretrained_saes_directory().get(release)
    if found is None or sae_id not in found.saes_map:
        return []
    l0, variance = found.expected_l0[sae_id], found.expected_var_explained[sae_id]
    entries = []
    if l0:
        told = {"figure": "l0", "value": float(l0)}
        entries.append(Expected("quality", SOURCE, sae_id, told, share=L0_SHARE))
    if variance != 1:  # which the registry gives for one that is not known
        told = {"figure": "explained_variance", "value": float(variance)}
        entries.append(Expected("quality", SOURCE, sae_id, told, tolerance=VARIANCE))
    return entries


def bundled_l0(subject: Subject) -> float:
    """Active features a token of the bundled corpora."""
    sums = examined_reconstruction_sums(subject)
    return sums.activations / sums.tokens


def examined_explained_variance(subject: Subject) -> float:
    """Share of the variance over the tokens of the bundled corpora that is left after encoding and decoding."""
    return examined_reconstruction_sums(subject).explained_variance or 0.0


def examined_reconstruction_sums(subject: Subject) -> Reconstruction:
    """The sums over the first documents of the bundled corpora, BOS left out; kept by the subject."""
    if "reconstruction" not in subject.kept:
        subject.kept["reconstruction"] = reduce(add, (_of_text(subject, text) for text in _texts()))
    found: Reconstruction = subject.kept["reconstruction"]
    return found


def _of_text(subject: Subject, text: str) -> Reconstruction:
    sae = subject.reads
    ids = subject.token_ids(text)[: sae.context_size - subject.bos]
    x, acts = subject.stream(ids, subject.hook_name), subject.activations(ids)
    with torch.inference_mode():
        return Reconstruction.of(x, sae.decode(acts, x), acts)


def _texts() -> list[str]:
    found = []
    for corpus in CORPORA:
        read = (each.text for each in read_documents(corpus) if isinstance(each, Document))
        found += list(islice(read, DOCUMENTS))
    return found
