"""`atlas find`: features by what one has: words or their meaning, a token, a sentence, examples, or a feature."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pyarrow as pa
from click.core import ParameterSource

from atlas.cli.options import atlas_file, reader_options
from atlas.cli.printed_rows import FORMATS, write_rows
from queries import run_query
from queries.parameters import Value
from schema import ModelError, SourceError, open_atlas
from schema.naming import sae_named

if TYPE_CHECKING:
    from ingest.jobs.reader import Reader

MAX_DENSITY = 0.05
BESIDE = ("negative", "embedder")
"""Options that say nothing without another."""
OF_FEATURE: Mapping[str, tuple[str, dict[str, Value]]] = {
    "like": ("nearest_features", {}),
    "opposite": ("nearest_features", {"direction": "opposite"}),
    "elsewhere": ("same_feature", {}),
}
"""The saved query that answers each option that takes a feature, and values of its parameters."""
COMPUTED_BY = {"like": "neighbours", "opposite": "neighbours", "elsewhere": "match"}
"""The command that computes its rows."""


@click.command()
@atlas_file
@click.argument("words", nargs=-1)
@click.option("--token", help="A token: the features that fire on it and on little else; ' the' is that one alone.")
@click.option("--text", help="A sentence: what fires on its tokens, what is particular to it first.")
@click.option(
    "--positive",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="File of sentences, one a line, of what is looked for.",
)
@click.option(
    "--negative",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="File of sentences, one a line, of what is not.",
)
@click.option("--meaning", metavar="TEXT", help="What labels shall mean, in whatever words; needs --embedder.")
@click.option(
    "--embedder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="With --meaning: folder of a sentence-embedding model, as transformers or sentence-transformers save one.",
)
@click.option("--like", type=click.IntRange(min=0), metavar="FEATURE", help="The features nearest to one of --sae.")
@click.option(
    "--opposite", type=click.IntRange(min=0), metavar="FEATURE", help="The features that write against one of --sae."
)
@click.option(
    "--elsewhere",
    type=click.IntRange(min=0),
    metavar="FEATURE",
    help="Its match in the SAEs it was compared with.",
)
@reader_options(
    "SAE: as named when ingesting; repeatable but for a FEATURE. WORDS and tokens: all, unless given.",
    several=True,
)
@click.option(
    "--max-density",
    type=click.FloatRange(0, 1),
    default=MAX_DENSITY,
    show_default=True,
    help="Leave out features that fire on more than this share of the tokens; 1 leaves out none.",
)
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Most rows shown.")
@click.option("--format", "format_", type=click.Choice(FORMATS), default="table", show_default=True)
def command(atlas: Path, reader: "Reader", max_density: float, limit: int, format_: str, **asked: Any) -> None:
    """Find features of ATLAS by WORDS of their labels, or by a token, a sentence, examples, a feature.

    \b
    atlas find atlas.duckdb disease
    atlas find atlas.duckdb --token " disease"
    atlas find atlas.duckdb --text "The infection had spread to the kidneys."
    atlas find atlas.duckdb --positive sick.txt --negative well.txt
    atlas find atlas.duckdb --like 2585

    Two files of sentences are held against all SAEs that are given, together. By --meaning, vectors
    of labels are computed once a model and kept beside ATLAS, in ATLAS.meaning.db.
    """
    kind = _kind(asked)
    if kind in OF_FEATURE:
        if len(reader.saes) > 1:
            raise click.UsageError(f"--{kind} takes a feature of one SAE; give one --sae")
        name, values = OF_FEATURE[kind]
        rows = _of_query(atlas, name, {**values, "feature": asked[kind], "sae": _spelled(reader.saes[0])})
    elif kind == "words":
        rows = _of_saes(atlas, reader, "labels_for_words", {"words": " ".join(asked["words"]), "limit": limit})
    elif kind == "meaning":
        rows = _by_meaning(atlas, reader, asked["meaning"], asked["embedder"], limit)
    elif kind == "token":
        rows = _of_saes(atlas, reader, "features_for_token", {"token": asked["token"], "limit": limit})
    elif kind == "text":
        rows = _by_sentence(atlas, reader, asked["text"], max_density)
    else:
        rows = _by_examples(atlas, reader, (_sentences(asked["positive"]), _sentences(asked["negative"])), max_density)
    write_rows(rows.slice(0, limit), format_, None)
    if not rows.num_rows:
        advice = f"; it may be yet to be computed: atlas {COMPUTED_BY[kind]} {atlas}" if kind in OF_FEATURE else ""
        click.echo(f"nothing found{advice}", err=True)


def _kind(asked: Mapping[str, Any]) -> str:
    """What is asked by: one of the options."""
    if (asked["positive"] is None) is not (asked["negative"] is None):
        raise click.UsageError("--positive and --negative go together, a file of sentences each")
    if (asked["meaning"] is None) is not (asked["embedder"] is None):
        raise click.UsageError("--meaning and --embedder go together: a text, and the folder of a model that reads it")
    given = [name for name, value in asked.items() if name not in BESIDE and value not in (None, ())]
    if len(given) != 1:
        options = ", ".join(f"--{name}" for name in asked if name not in ("words", "positive", *BESIDE))
        raise click.UsageError(f"give one of WORDS, {options}, and --positive with --negative")
    return given[0]


def _of_query(atlas: Path, name: str, values: Mapping[str, Value]) -> pa.Table:
    with open_atlas(atlas, read_only=True) as opened:
        return run_query(opened, name, values)


def _of_saes(atlas: Path, reader: "Reader", name: str, values: Mapping[str, Value]) -> pa.Table:
    """The rows of a saved query of the SAEs that are given, one after the other; of all SAEs where none is."""
    saes = _given_saes(reader) or [""]
    return pa.concat_tables([_of_query(atlas, name, {**values, "sae": sae}) for sae in saes])


def _given_saes(reader: "Reader") -> list[str]:
    """The SAEs that are given, as the atlas' labels spell them; none where all are meant."""
    given = click.get_current_context().get_parameter_source("sae") is not ParameterSource.DEFAULT
    return [_spelled(sae) for sae in reader.saes] if given else []


def _by_meaning(atlas: Path, reader: "Reader", text: str, embedder: Path, limit: int) -> pa.Table:
    from ingest.search.embedder import Embedder
    from ingest.search.meaning import by_meaning

    loaded = Embedder.load(embedder)
    with open_atlas(atlas, read_only=True) as opened:
        saes = [sae_named(opened, name)[0] for name in _given_saes(reader)]
        return by_meaning(opened, loaded, text, saes, limit)


def _spelled(sae: str) -> str:
    """The SAE as the atlas' label spells it, or as it was given: the atlas may hold one that is nowhere else."""
    from ingest.models.names import parse_sae_name

    try:
        return str(parse_sae_name(sae))
    except ModelError:
        return sae


def _by_sentence(atlas: Path, reader: "Reader", text: str, max_density: float) -> pa.Table:
    from ingest.search.found_features import find_features_by_sentence

    loaded = reader.load()
    with open_atlas(atlas, read_only=True) as opened:
        return find_features_by_sentence(opened, loaded, text, max_density)


def _by_examples(atlas: Path, reader: "Reader", boxes: tuple[list[str], list[str]], max_density: float) -> pa.Table:
    from ingest.search.examples import few_sentences_warning
    from ingest.search.found_features import find_features_by_examples

    loaded = reader.load()
    with open_atlas(atlas, read_only=True) as opened:
        rows = find_features_by_examples(opened, loaded, boxes, max_density)
    if told := few_sentences_warning(*map(len, boxes)):
        click.echo(told, err=True)
    return rows


def _sentences(path: Path) -> list[str]:
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise SourceError(f"{path} is not UTF-8; convert it first: iconv -t utf-8") from error
