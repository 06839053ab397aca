"""The texts of tokens, over the kinds of tokenizers that models have, and of vocabularies with holes."""

from pathlib import Path
from typing import Any

import pytest

from ingest.jobs.ingest import IngestRequest, ingest
from ingest.jobs.reader import Reader
from ingest.models.spelling import spell_vocabulary
from schema import open_atlas
from schema.verify import verify
from tests.made.architectures import save_model
from tests.made.tiny_models import save_sae, tiny_sae
from tests.made.tokenizers import SPACED, TEXTS, TOKENIZERS, make_tokenizer

JOINED = """
    SELECT d.text, string_agg(t.text, '' ORDER BY c.ordinal, t.position)
    FROM document AS d
    JOIN context AS c USING (document)
    JOIN token AS t USING (context)
    GROUP BY d.document, d.text
    ORDER BY d.document
"""


def ingested(path: Path, tokenizer: Any, texts: tuple[str, ...]) -> Path:
    """An atlas of texts, in windows of a few tokens."""
    save_model("llama", path / "model", tokenizer)
    module = tiny_sae("standard", d_in=32, d_sae=8, hook_name="blocks.1.hook_resid_pre")
    name = save_sae(module, path / "sae", context_size=8)
    (path / "d.txt").write_text("".join(f"{text}\n" for text in texts))
    reader = Reader((name,), str(path / "model"))
    ingest(IngestRequest(path / "atlas.duckdb", (str(path / "d.txt"),), reader=reader))
    return path / "atlas.duckdb"


@pytest.mark.parametrize("hole", [0, 500])
@pytest.mark.parametrize("kind", TOKENIZERS)
def test_token_texts_put_together_give_the_document(tmp_path: Path, kind: str, hole: int) -> None:
    """Whole characters, that is: the parts of one that is cut into bytes show as U+FFFD."""
    texts = (TEXTS[0], "goose goose", "A  fever", "g", " g", "  The nurse")
    with open_atlas(ingested(tmp_path, make_tokenizer(kind, hole), texts), read_only=True) as atlas:
        found = atlas.rows(JOINED)
        assert len(found) == len(texts)
        for text, joined in found:
            assert joined == text
        assert not any(finding.violations for finding in verify(atlas))


@pytest.mark.parametrize("kind", [kind for kind in TOKENIZERS if kind != "bytes"])
def test_a_token_with_a_space_before_it_has_another_text_than_one_without(kind: str) -> None:
    tokenizer = make_tokenizer(kind)
    texts, ids = spell_vocabulary(tokenizer), tokenizer.get_vocab()
    pairs = [(texts[i], texts[ids[token[1:]]]) for token, i in ids.items() if token[0] == "▁" and token[1:] in ids]
    assert len(pairs) > 5
    for spaced, bare in pairs:
        assert spaced == f" {bare}"
    assert {token: texts[i] for token, i in ids.items() if token in ("<s>", "</s>")} == {"<s>": "<s>", "</s>": "</s>"}


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_ids_that_no_token_has_are_named_by_their_number(kind: str) -> None:
    plain, holed = spell_vocabulary(make_tokenizer(kind)), spell_vocabulary(make_tokenizer(kind, 500))
    assert holed[:300] == plain[:300]
    assert holed[300:800] == [f"<{i}>" for i in range(300, 800)]
    assert holed[800:] == plain[300:]


@pytest.mark.parametrize("kind", SPACED)
def test_the_space_that_a_tokenizer_adds_is_nobodys(tmp_path: Path, kind: str) -> None:
    """A document's first token bears it in the vocabulary, and not in the document; a second window has no such one."""
    with open_atlas(ingested(tmp_path, make_tokenizer(kind), (TEXTS[0],)), read_only=True) as atlas:
        first = atlas.rows("SELECT text, token_id FROM token WHERE char_start = 0 ORDER BY position LIMIT 1")[0]
        assert not first[0].startswith(" ")
        assert dict(atlas.rows("SELECT token_id, text FROM vocabulary"))[first[1]] == f" {first[0]}"


def test_a_token_that_is_added_later_is_spelled_too() -> None:
    tokenizer = make_tokenizer("bytes")
    before = spell_vocabulary(tokenizer)
    tokenizer.add_tokens(["wheeze"])
    assert spell_vocabulary(tokenizer) == [*before, "wheeze"]
