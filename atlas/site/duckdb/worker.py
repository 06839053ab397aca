"""A worker: one process that opens the DuckDB file read-only, locks it down, and answers one query at a time.

    python -P -m atlas.site.duckdb.worker SETTINGS

SETTINGS is JSON. Requests come by stdin and answers leave by stdout (see `atlas.site.processes`). The operating
system holds the limits that DuckDB does not: address space, files, processor time. The process ends with its parent,
whatever it is doing, since a thread of its own watches stdin.

Nothing heavy is imported here: a worker is started while somebody waits.
"""

import contextlib
import json
import os
import queue
import re
import resource
import select
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import duckdb

from atlas.site.duckdb.values import Settings, duckdb_value_converter
from atlas.site.processes import pack_frame, read_frame

WATCH_MILLISECONDS = 1000
FETCHED_ROWS = 200
CPU_SLACK_SECONDS = 5
THREAD_STACK = 512 * 1024
OPEN_FILES = 64
MEGABYTE = 2**20
ADDRESS_SPACE_SLACK = 1024
"""Megabytes of addresses, mostly never touched, that the interpreter, DuckDB's code and its threads reserve."""

EXPLAIN = re.compile(r"\s*EXPLAIN\s+(?:ANALYZE\s+)?", re.IGNORECASE)
CLOSED_FUNCTIONS = frozenset(
    {
        "current_setting",
        "json_execute_serialized_sql",  # this and the next run or plan a text, in which these names could stand
        "json_serialize_plan",
        "query",
        "query_table",
    }
)
CLOSED_TABLES = frozenset({"duckdb_databases", "duckdb_settings", "pg_settings", "pragma_database_list"})
"""What tells where the file lies; the tables are functions too."""
NAMED = re.compile(r'"(function_name|table_name)":("(?:[^"\\]|\\.)*")')
"""A function or table in a statement that DuckDB has parsed and written as JSON."""
LOCKED_DOWN = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "allow_unsigned_extensions": "false",
    "allow_persistent_secrets": "false",
    "temp_directory": "",
    "max_temp_directory_size": "0GB",
    "default_null_order": "sqlite",  # Datasette's pages count on NULL coming first
}


class RefusedError(Exception):
    """The statement is none that is run here, or its result is too large to send."""


def main() -> None:
    """Answer requests until stdin ends."""
    settings = Settings(**json.loads(sys.argv[1]))
    requests: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    limit_process(settings)
    connection = connect_read_only(settings)
    threading.stack_size(THREAD_STACK)
    threading.Thread(target=_watch, args=(requests, os.getppid()), daemon=True).start()
    _send({"ready": True})
    while True:
        _send(answer(connection, requests.get(), settings))


def limit_process(settings: Settings) -> None:
    """Limits that hold whatever DuckDB does; the first process to go where memory runs out."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:  # noqa: PTH123
        file.write("1000")
    os.nice(settings.niceness)
    space = (settings.memory_megabytes + ADDRESS_SPACE_SLACK) * MEGABYTE
    for limit, value in (
        (resource.RLIMIT_AS, space),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
    ):
        resource.setrlimit(limit, (value, value))


def connect_read_only(settings: Settings) -> duckdb.DuckDBPyConnection:
    """The file, read-only, in a configuration that no statement can change."""
    sizes = {"memory_limit": f"{settings.memory_megabytes}MB", "threads": str(settings.threads)}
    connection = duckdb.connect(settings.file, read_only=True, config={**LOCKED_DOWN, **sizes})
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    connection.execute("SET GLOBAL python_enable_replacements = false")  # no variable is a table
    connection.execute("SET GLOBAL lock_configuration = true")
    return connection


def answer(connection: duckdb.DuckDBPyConnection, request: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """Columns and rows, or what went wrong; the cursor is new, so nothing of one query reaches the next."""
    _allow_processor_time(request["seconds"] * settings.threads)
    cursor = connection.cursor()
    timer = threading.Timer(request["seconds"], cursor.interrupt)
    timer.start()
    try:
        check_statement(cursor, request["sql"])
        cursor.execute(request["sql"], request["parameters"] or None)
        return _rows(cursor, request["rows"], settings)
    except duckdb.InterruptException:
        return {"error": "interrupted", "message": "", "worn": _is_worn()}
    except (MemoryError, duckdb.OutOfMemoryException):
        return {"error": "memory", "message": "", "worn": True}
    except RefusedError as error:
        return {"error": "refused", "message": str(error)}
    except Exception as error:
        return {"error": "sql", "message": _one_line(error)}
    finally:
        timer.cancel()
        cursor.close()


def check_statement(cursor: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Exactly one SELECT, or an EXPLAIN of one, that asks for nothing which tells about this machine.

    Raises:
        RefusedError: anything else.
    """
    statements = cursor.extract_statements(sql)
    if [statement.type for statement in statements] == [duckdb.StatementType.EXPLAIN]:
        explain = EXPLAIN.match(sql)
        sql = sql[explain.end() :] if explain else ""
        statements = cursor.extract_statements(sql)
    if [statement.type for statement in statements] != [duckdb.StatementType.SELECT]:
        raise RefusedError("only one SELECT statement can be run here")
    for name in _closed_names(cursor, sql):
        raise RefusedError(f"{name} is not open here")


def _closed_names(cursor: duckdb.DuckDBPyConnection, sql: str) -> Iterator[str]:
    """The functions and tables in a SELECT that are not open, as DuckDB's own parser finds them."""
    row = cursor.execute("SELECT json_serialize_sql(?)", [sql]).fetchone()
    assert row is not None
    for kind, quoted in NAMED.findall(row[0]):
        name = json.loads(quoted).strip('"')
        closed = CLOSED_TABLES | CLOSED_FUNCTIONS if kind == "function_name" else CLOSED_TABLES
        if name.lower() in closed:
            yield name


def _rows(cursor: duckdb.DuckDBPyConnection, limit: int | None, settings: Settings) -> dict[str, Any]:
    """At most `limit` rows, fetched a few at a time, so that what is not wanted is never computed."""
    columns = [column[0] for column in cursor.description]
    convert = [duckdb_value_converter(str(column[1])) for column in cursor.description]
    rows: list[list[Any]] = []
    size = 0
    while limit is None or len(rows) < limit:
        batch = cursor.fetchmany(min(FETCHED_ROWS, FETCHED_ROWS if limit is None else limit - len(rows)))
        if not batch:
            break
        for row in batch:
            cells = [into(value) for into, value in zip(convert, row, strict=True)]
            size += sum(_checked_size(cell, settings) for cell in cells)
            if size > settings.longest_answer:
                raise RefusedError(
                    f"the result is larger than {settings.longest_answer // MEGABYTE} MB; "
                    "ask for fewer rows or shorter columns"
                )
            rows.append(cells)
    return {"columns": columns, "rows": rows}


def _checked_size(cell: Any, settings: Settings) -> int:
    if isinstance(cell, dict):
        cell = cell["base64"]
    size = len(cell) if isinstance(cell, str) else 8
    if size > settings.longest_cell:
        raise RefusedError(f"a cell of {size:,} characters is longer than the {settings.longest_cell:,} that are sent")
    return size


def _allow_processor_time(seconds: float) -> None:
    """Enough for this query: what ends it should the parent hang, or the interrupt not be heard."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time() + seconds) + CPU_SLACK_SECONDS, hard))


def _is_worn() -> bool:
    """Whether what a query left behind leaves the next one little room."""
    with open("/proc/self/statm") as file:  # noqa: PTH123
        used = int(file.read().split()[0]) * resource.getpagesize()
    return used > resource.getrlimit(resource.RLIMIT_AS)[0] / 2


def _one_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    if lines and "pytz" in lines[0]:
        return "a column is a TIMESTAMP WITH TIME ZONE, which is not shown here; CAST it AS TIMESTAMP"
    return lines[0] if lines else type(error).__name__


def _watch(requests: "queue.SimpleQueue[dict[str, Any]]", parent: int) -> None:
    """Take requests off stdin; where it ends or the parent is gone, so is this process, at once."""
    stdin = sys.stdin.buffer.fileno()
    poller = select.poll()
    poller.register(stdin, select.POLLIN)
    while True:
        ready = poller.poll(WATCH_MILLISECONDS)
        if os.getppid() != parent:
            os._exit(0)
        if ready:
            request = read_frame(stdin)
            if request is None:
                os._exit(0)
            requests.put(request)


def _send(message: dict[str, Any]) -> None:
    try:
        frame = pack_frame(message)
    except MemoryError:
        frame = pack_frame({"error": "memory", "message": "", "worn": True})
    sys.stdout.buffer.write(frame)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
