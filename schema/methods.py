"""How what is stored was computed: the revision of each method, and which rows rest on it.

A revision is raised when a method gives other values for the same input. Rows of another revision than this program's
are not shown beside new ones: who opens the file to read does not see them, who opens it to write takes them out, and
the command that stored them computes them again. What cannot be had again by a command is marked in their place: its
column of a hash is empty (`mark`), as where documents have gone.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Table

from schema import tables
from schema.copying import copying_statement_runner, keep_beside
from schema.errors import AtlasVersionError
from schema.migrations import VERSION

if TYPE_CHECKING:
    from schema.store import Atlas

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Mark:
    """A table whose rows stay and say that they are old: an empty `column`, where `whose` holds."""

    table: Table
    column: str
    whose: str = "true"


@dataclass(frozen=True)
class Method:
    """The revision of a method, the commands that store its rows, and their tables: taken out, or marked."""

    revision: int
    commands: tuple[str, ...]
    rows: tuple[Table, ...] = ()
    mark: Mark | None = None

    def old_rows(self) -> Iterator[tuple[Table, str]]:
        """Each table, and its columns and rows as they are to be seen where they are of another revision."""
        for table in self.rows:
            yield table, "* FROM {name} WHERE false"
        if self.mark:
            column, whose = self.mark.column, self.mark.whose
            old = f"CASE WHEN {whose} THEN '' ELSE {column} END"
            yield self.mark.table, f"* REPLACE ({old} AS {column}) FROM {{name}}"


METHODS = {
    "ablation": Method(1, ("circuit ablate",), (tables.ablation_document, tables.ablation_effect, tables.ablation)),
    "association": Method(1, ("contrast",), mark=Mark(tables.sae_association, "documents_hash")),
    "attention": Method(1, ("circuit attention",), (tables.attention_summary, tables.attention_head)),
    "attention contrast": Method(3, ("circuit attention",), (tables.attention_contrast,)),
    "clusters": Method(
        1,
        ("cluster",),
        (
            tables.cluster_contrast,
            tables.cluster_token,
            tables.feature_cluster,
            tables.cluster,
            tables.clustering_choice,
            tables.clustering,
        ),
    ),
    "company": Method(1, ("neighbours",), (tables.feature_coactivation, tables.sae_coactivation)),
    "contrast": Method(9, ("contrast",), mark=Mark(tables.sae_contrast, "documents_hash")),
    "direct attribution": Method(
        1, ("circuit direct",), (tables.attention_pair, tables.direct_part, tables.direct_attribution)
    ),
    "explanation": Method(
        1,
        ("explain",),
        (tables.prompt_filter, tables.feature_attribution, tables.token_attribution, tables.explanation),
    ),
    "graph": Method(1, ("circuit graph",), (tables.graph_edge, tables.graph_node, tables.graph)),
    "labels": Method(
        3,
        ("label make", "label score"),
        (tables.label_score,),
        Mark(tables.feature_label, "source_sha256", "source = 'atlas'"),
    ),
    "matches": Method(1, ("match",), (tables.feature_match, tables.sae_match)),
    "neighbours": Method(1, ("neighbours",), (tables.feature_neighbour, tables.feature_opposite)),
    "patching": Method(1, ("circuit patch",), (tables.patch_effect, tables.patch_pair)),
    "quality": Method(1, ("evaluate",), (tables.sae_quality,)),
    "reproduction": Method(
        1,
        ("reproduce",),
        (
            tables.reproduction_fault,
            tables.reproduction_feature,
            tables.reproduction,
            tables.study_moment,
            tables.study_prompt,
        ),
    ),
    "steering": Method(2, ("circuit steer",), (tables.steering_effect, tables.steering)),
}


def method_revision(method: str) -> int:
    """The revision of a method: part of the identity of what it computes."""
    return METHODS[method].revision


def outdated_methods(atlas: "Atlas") -> list[str]:
    """The methods whose rows in an open atlas are of an earlier revision than this program's.

    Raises:
        AtlasVersionError: some are of a later one.
    """
    held = dict(atlas.rows("SELECT method, revision FROM method_revision"))
    newer = [name for name, method in METHODS.items() if held.get(name, 0) > method.revision]
    if newer:
        raise AtlasVersionError(
            f"{atlas.path} holds rows of a later method than this program's ({', '.join(newer)}): upgrade feature-atlas"
        )
    return [name for name, method in METHODS.items() if held.get(name) != method.revision]


def take_out_outdated_rows(atlas: "Atlas", *, kept: bool) -> None:
    """See to it that no row of another revision is taken for one of this program's, in an atlas that is just opened.

    A file that rows are taken out of is copied beside itself before, unless it has just been (`kept`).

    Raises:
        AtlasVersionError: rows are of a later revision than this program knows; nothing is changed.
        AtlasFileError: the copy cannot be made; the file is as it was.
    """
    old = outdated_methods(atlas)
    if not old:
        return
    made = [METHODS[name] for name in old if any(map(atlas.rows, _held(METHODS[name])))]
    copy = None
    if made and not kept and not atlas.read_only:
        refusal = f"{atlas.path} holds what an older method computed, which is to be taken out"
        copy = keep_beside(copying_statement_runner(atlas.connection), atlas.path.resolve(), VERSION, refusal)
    if atlas.read_only:
        for name in old:
            _cover(atlas, METHODS[name])
    else:
        with atlas.transaction():
            for method in made:
                _take_out(atlas, method)
            for name in old:
                atlas.rows("INSERT OR REPLACE INTO method_revision VALUES (?, ?)", [name, METHODS[name].revision])
    if made:
        commands = dict.fromkeys(command for method in made for command in method.commands)
        again = ", ".join(f"atlas {command}" for command in commands)
        log.warning("%s: what an older method computed is left out; to have it again: %s", atlas.path, again)
    if copy:
        log.warning("%s as it was: %s", atlas.path, copy)


def _held(method: Method) -> Iterator[str]:
    """Whether there is anything that a method has computed."""
    for table in method.rows:
        yield f"SELECT 1 FROM {table.name} LIMIT 1"
    if method.mark:
        yield f"SELECT 1 FROM {method.mark.table.name} WHERE {method.mark.whose} LIMIT 1"


def _cover(atlas: "Atlas", method: Method) -> None:
    """Put views over the tables of a file that is only read: DuckDB finds what is temporary first."""
    ((database,),) = atlas.rows("SELECT current_database()")
    for table, seen in method.old_rows():
        own = f'"{database.replace(chr(34), chr(34) * 2)}".main.{table.name}'
        atlas.rows(f"CREATE TEMP VIEW {table.name} AS SELECT {seen.format(name=own)}")


def _take_out(atlas: "Atlas", method: Method) -> None:
    """To be called inside a transaction."""
    for table in method.rows:
        atlas.rows(f"DELETE FROM {table.name}")
    if method.mark:
        own = method.mark
        atlas.rows(f"UPDATE {own.table.name} SET {own.column} = '' WHERE {own.whose} AND {own.column} <> ''")
