"""Datasette's hooks for the database `activations`.

The file is looked for in the folder that is served, or where the plugin's configuration says:

    plugins:
      feature-atlas-activations:
        file: activations.duckdb    # from the folder in which Datasette was started
"""

from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from datasette import hookimpl

from atlas.publish.activations import ACTIVATIONS, ACTIVATIONS_FILE, ACTIVATIONS_PLUGIN

if TYPE_CHECKING:  # datasette.app loads this module while it is being imported itself
    from datasette.app import Datasette

Scope = MutableMapping[str, Any]
Application = Callable[[Scope, Any, Any], Awaitable[None]]


@hookimpl
def startup(datasette: "Datasette") -> None:
    """Add the database, where there is one to serve."""
    from atlas.site.duckdb.database import ActivationsDatabase

    file = served_file(datasette)
    if file is not None and ACTIVATIONS not in datasette.databases:
        datasette.add_database(ActivationsDatabase(datasette, file), name=ACTIVATIONS)


@hookimpl
def asgi_wrapper(datasette: "Datasette") -> Callable[[Application], Application]:
    """Mark each request with what it asks: SQL of a person's own waits for its like only, a CSV is whole."""
    from atlas.site.guard.sql_turns import asked_sql
    from atlas.site.guard.whole_answers import answer_format_asked, unbroken_send, wanted

    def _wrap(application: Application) -> Application:
        async def _marked(scope: Scope, receive: Any, send: Any) -> None:
            asked = answer_format_asked(scope)
            tokens = asked_sql.set(own_sql(scope)), wanted.set(asked)
            try:
                await application(scope, receive, unbroken_send(send, asked))
            finally:
                asked_sql.reset(tokens[0])
                wanted.reset(tokens[1])

        return _marked

    return _wrap


def served_file(datasette: "Datasette") -> Path | None:
    """The DuckDB file to serve; None where neither the folder nor the configuration has one."""
    folder = Path(datasette.config_dir) if datasette.config_dir else None
    if folder is not None and (folder / ACTIVATIONS_FILE).is_file():
        return folder / ACTIVATIONS_FILE
    configured = (datasette.plugin_config(ACTIVATIONS_PLUGIN) or {}).get("file")
    file = (folder or Path()) / str(configured)
    return file.resolve() if configured and file.is_file() else None


def own_sql(scope: Scope) -> frozenset[str] | None:
    """The statements in a request's address; an empty set for a mere condition, None for neither."""
    given = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    return frozenset(given.get("sql", [])) if given.keys() & {"sql", "_where"} else None
