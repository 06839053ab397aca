"""The lists of the study's notebook: prompts of the concept, controls, and the prompts that its filter was given."""

from dataclasses import dataclass
from pathlib import Path

from ingest.sources import Skipped, read_documents
from schema.errors import SourceError

POSITIVE, CONTROL, PROMPTS = "prompts_med", "prompts_no_med", "prompts_health"
"""How the study names them."""


@dataclass(frozen=True)
class Lists:
    """The texts of each list, in its order; where the last is missing, `why_no_prompts` says so."""

    positive: list[str]
    control: list[str]
    prompts: list[str]
    why_no_prompts: str | None = None

    @property
    def sides(self) -> tuple[list[str], list[str]]:
        """The two lists that are compared."""
        return self.positive, self.control


@dataclass(frozen=True)
class Notebook:
    """A notebook, and the names of its lists; without a name of its own the list of prompts may be missing."""

    path: Path
    positive: str = POSITIVE
    control: str = CONTROL
    prompts: str | None = None

    @property
    def prompts_name(self) -> str:
        """The name of the list of prompts."""
        return self.prompts or PROMPTS

    def source(self, name: str) -> str:
        """How a list is spelled as a source."""
        return f"{self.path}:{name}"

    def read(self) -> Lists:
        """Read the lists off, as literals.

        Raises:
            SourceError: there is no such notebook, a list of it is missing, computed or empty.
        """
        positive, control = self._texts(self.positive), self._texts(self.control)
        try:
            return Lists(positive, control, self._texts(self.prompts_name))
        except SourceError as error:
            if self.prompts is not None:
                raise
            return Lists(positive, control, [], str(error))

    def _texts(self, name: str) -> list[str]:
        read = read_documents(self.source(name))
        return [document.text for document in read if not isinstance(document, Skipped)]
