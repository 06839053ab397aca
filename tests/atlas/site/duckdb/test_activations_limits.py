"""What people's own SQL may take and do: time, memory, files, processes; and that pages answer meanwhile."""

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from atlas.site.duckdb.child import FailedQueryError, InterruptedQueryError
from atlas.site.duckdb.pool import Answer, Limits, Pool
from atlas.site.duckdb.translate import Statement
from tests.made.activation_pages import NEXT, SQL_PAGE, Served, serving

ROOT = Path(__file__).resolve().parents[4]
MARK = "the secret that nobody may read"
SECONDS = 30
PF_EXITING = 0x4
"""Linux' flag of a task that has begun to exit (include/linux/sched.h); zombies bear it too."""
SLOW = "SELECT count(*) FROM range(1000000) AS a, range(1000000) AS b, range(1000) AS c WHERE hash(a, b, c) = 7"
ENDLESS = "WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"
BOMBS = [
    "SELECT repeat('x', 3000000000)",
    "SELECT length(repeat('x', 3000000000))",
    "SELECT list_sort(range(100000000))[1]",
    "SELECT list(a) FROM range(100000) AS a, range(100000) AS b",
    "SELECT string_agg(repeat('x', 1000000)) FROM range(100000)",
    "SELECT a.range, b.range FROM range(100000) AS a, range(100000) AS b ORDER BY random()",
    "SELECT repeat('x', 20000000)",
    "SELECT repeat('x', 1000000) FROM range(100)",
    ENDLESS,
    SLOW,
]
HOSTILE = [
    "SELECT * FROM read_text('{secret}')",
    "SELECT * FROM read_blob('{secret}')",
    "SELECT * FROM read_csv('{secret}')",
    "SELECT * FROM read_csv_auto('{secret}')",
    "SELECT * FROM sniff_csv('{secret}')",
    "SELECT * FROM read_json('{secret}')",
    "SELECT * FROM read_json_auto('{secret}')",
    "SELECT * FROM read_ndjson_objects('{secret}')",
    "SELECT * FROM read_parquet('{secret}')",
    "SELECT * FROM parquet_metadata('{secret}')",
    "SELECT * FROM glob('{folder}/*')",
    "SELECT * FROM '{secret}'",
    'SELECT * FROM "{secret}"',
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM 'https://example.org/x.parquet'",
    "SELECT * FROM query('SELECT * FROM read_text(''{secret}'')')",
    "SELECT * FROM query_table('{secret}')",
    "SELECT content FROM (FROM read_text('/proc/self/environ'))",
    "FROM read_text('{secret}')",
    "SELECT * FROM sqlite_scan('{secret}', 'x')",
    "SELECT getenv('PATH')",
    "COPY (SELECT 1) TO '{folder}/written.csv'",
    "COPY corpus FROM '{secret}'",
    "EXPORT DATABASE '{folder}/written'",
    "IMPORT DATABASE '{folder}'",
    "ATTACH '{secret}' AS other",
    "ATTACH ':memory:' AS other",
    "DETACH activations",
    "INSTALL httpfs",
    "LOAD httpfs",
    "LOAD '{secret}'",
    "SET memory_limit = '100GB'",
    "SET GLOBAL enable_external_access = true",
    "RESET lock_configuration",
    "SET VARIABLE x = 1",
    "PRAGMA database_list",
    "PRAGMA threads = 64",
    "CALL pragma_version()",
    "SELECT 1; SELECT 2",
    "SELECT 1; COPY (SELECT 1) TO '{folder}/written.csv'",
    "",
    "CREATE TABLE x (y INTEGER)",
    "CREATE TEMP TABLE activation AS SELECT 1 AS feature",
    "CREATE VIEW x AS SELECT 1",
    "CREATE MACRO x() AS 1",
    "CREATE SECRET x (TYPE s3, KEY_ID 'a', SECRET 'b')",
    "INSERT INTO corpus VALUES (99, 'x', 'y')",
    "WITH x AS (INSERT INTO corpus VALUES (99, 'x', 'y') RETURNING 1) SELECT * FROM x",
    "UPDATE corpus SET name = 'x'",
    "DELETE FROM corpus",
    "DROP TABLE corpus",
    "ALTER TABLE corpus ADD COLUMN x INTEGER",
    "TRUNCATE corpus",
    "BEGIN TRANSACTION",
    "CHECKPOINT",
    "VACUUM",
    "USE memory",
    "PREPARE x AS SELECT 1",
    "EXECUTE x",
    "EXPLAIN ANALYZE INSERT INTO corpus VALUES (99, 'x', 'y')",
    "EXPLAIN ANALYZE CREATE TEMP TABLE activation AS SELECT 1 AS feature",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '{folder}/written.csv'",
    "/* EXPLAIN SELECT 1 -- */ EXPLAIN ANALYZE CREATE TEMP TABLE activation AS SELECT 1 AS feature",
    "(" * 60_000 + "1",
    "SELECT " + "-" * 30_000 + "1",
    "SELECT " + "[" * 20_000 + "]" * 20_000,
]
SERVER = """
import asyncio, sys
from pathlib import Path
from atlas.site.duckdb.pool import Limits, Pool
from atlas.site.duckdb.translate import Statement
pool = Pool(Path(sys.argv[1]), Limits(2, 512, 1), 1000)
async def main():
    await pool.ask(Statement("SELECT 1", {}), 1, 20)
    print(*pool.pids, flush=True)
    await pool.ask(Statement(sys.argv[2], {}), 1, 600)
asyncio.run(main())
"""


@pytest.fixture(scope="module")
def folder(tiny_snapshot: Path) -> Path:
    return tiny_snapshot


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[Served]:
    with serving(folder, settings={"sql_time_limit_ms": 1000}) as opened:
        yield opened


@pytest.fixture(scope="module")
def pool(folder: Path) -> Iterator[Pool]:
    opened = Pool(folder / "activations.duckdb", Limits(1, 512, 2), 1_000_000)
    yield opened
    opened.close()


def ask(pool: Pool, sql: str, rows: int | None = 10, seconds: float = SECONDS) -> Answer:
    return asyncio.run(pool.ask(Statement(sql, {}), rows, seconds))


def said(pool: Pool, sql: str) -> str:
    """What comes of a statement, rows or refusal."""
    try:
        return str(ask(pool, sql, rows=None).rows)
    except FailedQueryError as error:
        return str(error)


def running(pid: int) -> bool:
    """Whether any thread of a process runs on: a dying one may wait a minute for a busy kernel to bury it."""
    try:
        stats = [(task / "stat").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    except (FileNotFoundError, ProcessLookupError):
        return False
    flags = [int(stat.rpartition(")")[2].split()[6]) for stat in stats]  # proc_pid_stat(5): the ninth field
    return not all(flag & PF_EXITING for flag in flags)


def kill(pid: int) -> None:
    """Kill a child, and wait until it is dead; that it was is for the pool to find out."""
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + SECONDS
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def memory() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


@pytest.mark.parametrize("sql", HOSTILE, ids=lambda sql: sql[:50])
def test_a_hostile_statement_reads_and_writes_nothing(sql: str, pool: Pool, folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text(f"{MARK}\n{MARK}\n")
    before = hashlib.sha256((folder / "activations.duckdb").read_bytes()).hexdigest()
    sql = sql.replace("{secret}", str(secret)).replace("{folder}", str(tmp_path))
    with pytest.raises(FailedQueryError) as refused:
        ask(pool, sql)
    assert MARK not in str(refused.value)
    assert "\n" not in str(refused.value)
    assert [path.name for path in tmp_path.iterdir()] == ["secret.csv"]
    assert hashlib.sha256((folder / "activations.duckdb").read_bytes()).hexdigest() == before
    assert ask(pool, "SELECT max(feature) < 12, count(*) > 1 FROM activation").rows == [(1, 1)]


def test_datasette_refuses_them_too(served: Served, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text(MARK)
    for sql in HOSTILE[:30]:
        if sql:
            answer = served.refusal(sql.replace("{secret}", str(secret)).replace("{folder}", str(tmp_path)))
            assert MARK not in answer
    for condition in ("feature IN (SELECT 1 FROM read_text('/etc/passwd'))", "1; SELECT 1", "1 = 1 -- "):
        page = served.get("/activations/activation.json", None, _where=condition)
        assert "root:" not in page.text


def test_nothing_tells_where_the_file_lies_or_who_runs_the_server(pool: Pool, folder: Path) -> None:
    functions = (
        "SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type = 'table' AND len(parameters) = 0"
    )
    views = "SELECT schema_name || '.' || view_name FROM duckdb_views()"
    asked = [f"SELECT * FROM {name}()" for (name,) in ask(pool, functions, rows=None).rows]
    asked += [f"SELECT * FROM {name}" for (name,) in ask(pool, views, rows=None).rows]
    asked += ["EXPLAIN SELECT * FROM token", "SHOW DATABASES", "DESCRIBE", 'SELECT * FROM "duckdb_databases"()']
    asked += ["SELECT current_setting('allowed_paths')", "FROM query('FROM duckdb_data' || 'bases()')"]
    serialized = "json_serialize_sql('FROM duckdb_data' || 'bases()')"
    asked += [f"FROM json_execute_serialized_sql({serialized})", f"SELECT json_execute_serialized_sql({serialized})"]
    asked += ["SELECT json_serialize_plan('SELECT current_' || 'setting(''secret_directory'')')"]
    asked += ["FROM 'pragma_database_list'", "SELECT 1 AS a$$, path FROM duckdb_databases() AS b$$"]
    asked += ["SELECT --\rcurrent_setting('secret_directory')", "EXPLAIN ANALYZE FROM duckdb_databases()"]
    asked += ["SELECT \"CURRENT_SETTING\"('allowed_paths')", "SELECT 'allowed_paths'.current_setting()"]
    assert len(asked) > 80
    for sql in asked:
        assert str(folder.parent) not in said(pool, sql), sql


@pytest.mark.parametrize(
    "sql", ["SELECT 'query' AS query", "SELECT s.current_setting FROM (SELECT 1 AS current_setting) AS s"]
)
def test_a_column_or_a_text_may_have_the_name_of_what_is_closed(pool: Pool, sql: str) -> None:
    assert len(ask(pool, sql).rows) == 1


def test_nothing_of_one_query_reaches_the_next(pool: Pool) -> None:
    assert ask(pool, "EXPLAIN SELECT 1").columns
    assert ask(pool, "EXPLAIN ANALYZE SELECT count(*) FROM activation").rows
    assert ask(pool, "SHOW TABLES", rows=None).rows
    with pytest.raises(FailedQueryError):
        ask(pool, "SELECT getvariable('x'), * FROM unknown_table")


def test_a_worker_is_limited_and_knows_no_secret(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOKEN", MARK)
    ask(pool, "SELECT 1")
    kill(pool.pids[0])
    ask(pool, "SELECT 1")
    process = Path(f"/proc/{pool.pids[0]}")
    limits = {line[:26].strip(): line[26:].split()[0] for line in (process / "limits").read_text().splitlines()}
    assert limits["Max file size"] == "0"
    assert limits["Max core file size"] == "0"
    assert int(limits["Max address space"]) < 2**31
    assert int(limits["Max cpu time"]) < 100
    assert (process / "oom_score_adj").read_text().strip() == "1000"
    assert MARK not in (process / "environ").read_text()
    assert {"torch", "pandas", "numpy", "pyarrow"}.isdisjoint(
        word for line in (process / "maps").read_text().splitlines() for word in line.split("/")
    )


def test_a_slow_query_ends_in_time_and_says_so(served: Served) -> None:
    served.sql("SELECT 1 AS one")
    before = time.monotonic()
    answer = served.get(f"{SQL_PAGE}.json", 400, sql=SLOW)
    said = "SQL query took too long" if NEXT else "This takes longer than this server allows"
    assert said in answer.text
    assert time.monotonic() - before < SECONDS / 2
    assert served.sql("SELECT 1 AS one") == [{"one": 1}]


@pytest.mark.parametrize("sql", BOMBS)
def test_a_bomb_harms_nobody_else(sql: str, served: Served) -> None:
    served.rows("activation", _size=1)
    before = memory()
    bomb, page = served.gather(f"{SQL_PAGE}.json?sql={sql.replace(' ', '+')}", "/activations/activation.json?_size=1")
    assert bomb.status_code == 400
    assert page.status_code == 200
    assert memory() - before < 100 * 2**20
    assert served.sql("SELECT 1 AS one") == [{"one": 1}]


def test_out_of_memory_says_what_to_do(pool: Pool) -> None:
    with pytest.raises(FailedQueryError, match="out of memory: a query may take 512 MB; ask for fewer rows"):
        ask(pool, "SELECT list(a) FROM range(100000) AS a, range(100000) AS b")


def test_cells_and_answers_are_bounded(pool: Pool) -> None:
    assert len(ask(pool, "SELECT repeat('x', 1000000)").rows[0][0]) == 1_000_000
    with pytest.raises(FailedQueryError, match="a cell of 1,000,001 characters is longer than the 1,000,000"):
        ask(pool, "SELECT repeat('x', 1000001)")
    with pytest.raises(FailedQueryError, match="larger than 32 MB"):
        ask(pool, "SELECT repeat('x', 1000000) FROM range(40)", rows=None)


def test_pages_answer_while_every_worker_for_own_sql_is_busy(served: Served) -> None:
    served.rows("activation", _size=1)
    slow = f"{SQL_PAGE}.json?sql={SLOW.replace(' ', '+')}"
    finished: list[str] = []

    async def timed(path: str) -> None:
        await served.datasette.client.get(path)
        finished.append(path)

    async def all_at_once() -> None:
        requests = [asyncio.create_task(timed(slow)) for _ in range(3)]
        await asyncio.sleep(0.2)
        await timed("/activations/activation.json?_size=2")
        await asyncio.gather(*requests)

    served.run(all_at_once())
    assert finished[0] != slow
    assert finished.count(slow) == 3


def test_a_worker_that_is_killed_is_replaced(pool: Pool) -> None:
    ask(pool, "SELECT 1")
    kill(pool.pids[0])
    assert ask(pool, "SELECT 1").rows == [(1,)]

    async def killed() -> None:
        query = asyncio.create_task(pool.ask(Statement(SLOW, {}), 1, SECONDS))
        await asyncio.sleep(0.3)
        os.kill(pool.pids[0], signal.SIGKILL)
        await query

    with pytest.raises(FailedQueryError):
        asyncio.run(killed())
    assert ask(pool, "SELECT 1").rows == [(1,)]


def test_one_who_went_away_costs_the_others_nothing(pool: Pool) -> None:
    async def abandoned() -> None:
        await asyncio.wait_for(pool.ask(Statement(SLOW, {}), 1, 0.5), 0.1)

    with pytest.raises(TimeoutError):
        asyncio.run(abandoned())
    assert ask(pool, "SELECT 1").rows == [(1,)]


def test_the_deadline_holds_where_the_interrupt_is_not_heard(pool: Pool) -> None:
    ask(pool, "SELECT 1")
    os.kill(pool.pids[0], signal.SIGSTOP)
    stopped, before = pool.pids[0], time.monotonic()
    with pytest.raises(InterruptedQueryError):
        ask(pool, "SELECT 1", seconds=0.2)
    assert time.monotonic() - before < SECONDS / 2
    assert eventually(lambda: not running(stopped))
    assert ask(pool, "SELECT 1").rows == [(1,)]


def test_closing_ends_the_workers(folder: Path) -> None:
    pool = Pool(folder / "activations.duckdb", Limits(2, 512, 1), 1000)
    assert pool.pids == []
    ask(pool, "SELECT 1")
    pids = pool.pids
    assert len(pids) == 2
    pool.close()
    pool.close()
    assert not any(map(running, pids))
    with pytest.raises((FailedQueryError, RuntimeError)):
        ask(pool, "SELECT 1")


@pytest.mark.parametrize("sql", ["SELECT 1", SLOW])
def test_workers_end_with_a_server_that_is_killed(sql: str, folder: Path) -> None:
    command = [sys.executable, "-c", SERVER, str(folder / "activations.duckdb"), sql]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).resolve().parents[4]
    ) as server:
        assert server.stdout
        pids = [int(pid) for pid in server.stdout.readline().split()]
        assert len(pids) == 2
        server.send_signal(signal.SIGKILL)
    assert eventually(lambda: not any(map(running, pids)))


def test_a_file_that_is_none_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "activations.duckdb").write_text("no database")
    pool = Pool(tmp_path / "activations.duckdb", Limits(1, 512, 1), 1000)
    with pytest.raises(FailedQueryError, match=r"activations\.duckdb cannot be opened; publish again"):
        ask(pool, "SELECT 1")
    pool.close()
