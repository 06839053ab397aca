"""Which SAE of the atlas a file's labels are of: labels of another dictionary mean nothing here.

Neuronpedia's name a model and a source, which an SAE that is published there bears too. delphi's name a module of the
language model: the SAE must be named, and read there. A table may name the SAE in each row.
"""

import re
from dataclasses import dataclass

from ingest.labels.imported.explanation import Explanation
from ingest.models.names import is_of_another_block
from schema.errors import SelectionError
from schema.naming import sae_named
from schema.store import Atlas

MODULE = re.compile(r"(?:.*\.)?(?:layers?|blocks?|h)\.(?P<layer>\d{1,4})(?:\.(?P<part>.+))?")
"""A block of a language model, or a part of one: layers.7, gpt2.h.5.mlp."""

RESIDUAL = ("hook_resid_pre", "hook_resid_post")
ATTENTION = ("hook_attn_out", "attn.hook_z")
READ = {
    "": RESIDUAL,
    "hook_resid_post": RESIDUAL,
    "mlp": ("hook_mlp_out",),
    "attn": ATTENTION,
    "self_attn": ATTENTION,
    "attention": ATTENTION,
}
"""Where an SAE of a part's output reads; the output of the block itself is the stream."""


@dataclass(frozen=True)
class Target:
    """An SAE that labels may be of."""

    key: int
    label: str
    d_sae: int
    hook_name: str
    hook_layer: int
    neuronpedia_id: str | None

    def reads(self, module: str) -> bool:
        """Whether it reads what a module gives, such as layers.7 or gpt2.h.5.mlp, or bears that name."""
        found = MODULE.fullmatch(module)
        hook = self.hook_name.removeprefix(f"blocks.{self.hook_layer}.")
        if found is None or hook not in READ.get(found["part"] or "", ()):
            return module == self.hook_name
        layers = {self.hook_layer}
        if hook == "hook_resid_pre":
            layers.add(self.hook_layer - 1)  # a block's output is what the next one reads
        return int(found["layer"]) in layers


@dataclass(frozen=True)
class Matching:
    """The SAEs of an atlas, the one that was named, and the dictionary of Neuronpedia's that this one is said to be."""

    targets: tuple[Target, ...]
    named: Target | None = None
    neuronpedia_id: str | None = None

    @classmethod
    def of(cls, atlas: Atlas, sae: str | None, neuronpedia_id: str | None) -> "Matching":
        """Raises SelectionError where no such SAE is there, or it is published under another name."""
        names = "sae, label, d_sae, hook_name, hook_layer, neuronpedia_id"
        targets = tuple(Target(*row) for row in atlas.rows(f"SELECT {names} FROM sae ORDER BY ordinal"))
        if sae is None:
            if neuronpedia_id is not None:
                raise SelectionError(f"which SAE is {neuronpedia_id}? name it with --sae")
            return cls(targets)
        key, _ = sae_named(atlas, sae)
        named = next(target for target in targets if target.key == key)
        known = named.neuronpedia_id
        if None not in (known, neuronpedia_id) and known != neuronpedia_id:
            raise SelectionError(f"{named.label} is {known} at Neuronpedia, not {neuronpedia_id}")
        if known is None and neuronpedia_id and is_of_another_block(neuronpedia_id, named.hook_name, named.hook_layer):
            raise SelectionError(f"{named.label} reads {named.hook_name}; {neuronpedia_id} is of another block")
        return cls(targets, named, neuronpedia_id or known)

    def target(self, found: Explanation, kind: str) -> Target:
        """The SAE that an explanation is of.

        Raises:
            SelectionError: it is of no SAE here, or of a feature that the SAE has not.
        """
        target = {"neuronpedia": self._published, "delphi": self._module, "csv": self._row}[kind](found)
        if found.feature >= target.d_sae:
            raise SelectionError(
                f"{found.where}: feature {found.feature} is not in {target.label}, which has 0 to {target.d_sae - 1}: "
                "these are labels of another dictionary"
            )
        return target

    def _published(self, found: Explanation) -> Target:
        if self.named is not None and self.neuronpedia_id is None:
            raise SelectionError(
                f"{found.where} is of {found.dictionary}; {self.named.label} has no name at Neuronpedia. If it is the "
                f"same dictionary, say so: --neuronpedia-id {found.dictionary}"
            )
        if self.named is not None and self.neuronpedia_id == found.dictionary:
            return self.named
        bearing = [target for target in self.targets if target.neuronpedia_id == found.dictionary]
        if self.named is None and len(bearing) > 1:
            names = " and ".join(target.label for target in bearing)
            raise SelectionError(
                f"{found.where} is of {found.dictionary}, as which {names} are known: give one by --sae"
            )
        if self.named is None and bearing:
            return bearing[0]
        known = {target.neuronpedia_id: target.label for target in self.targets if target.neuronpedia_id}
        if self.named is not None:
            known = {str(self.neuronpedia_id): self.named.label}
        held = ", ".join(f"{name} ({label})" for name, label in known.items()) or "none that is published there"
        raise SelectionError(f"{found.where} is of {found.dictionary}, which is no SAE asked for: {held}")

    def _module(self, found: Explanation) -> Target:
        if self.named is None:
            raise SelectionError(f"{found.where} names a module, {found.dictionary}; say which SAE it is with --sae")
        if not self.named.reads(found.dictionary or ""):
            raise SelectionError(
                f"{found.where} is of module {found.dictionary}, but {self.named.label} reads {self.named.hook_name}"
            )
        return self.named

    def _row(self, found: Explanation) -> Target:
        if found.dictionary is None:
            if self.named is None:
                raise SelectionError(f"{found.where} names no SAE; add a column sae, or name it with --sae")
            return self.named
        for target in self.targets:
            if target.label == found.dictionary and self.named in (None, target):
                return target
        asked = self.named.label if self.named else ", ".join(target.label for target in self.targets) or "none"
        raise SelectionError(f"{found.where} is of {found.dictionary}, which is no SAE asked for: {asked}")
