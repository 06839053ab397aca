"""The workers of a database: started when needed, one kept warm, replaced when they are lost."""

import asyncio
import threading
import time
import weakref
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from atlas.site.duckdb.child import FailedQueryError, InterruptedQueryError, UnavailableError, Worker
from atlas.site.duckdb.translate import Statement
from atlas.site.duckdb.values import Row, Settings, duckdb_answer_rows
from atlas.site.guard.sql_turns import BUSY, PATIENCE_SECONDS
from atlas.site.processes import ChildLostError

LONGEST_ANSWER = 32 * 2**20


@dataclass(frozen=True)
class Limits:
    """How many workers a pool has at most, and what each may take."""

    workers: int
    memory_megabytes: int
    threads: int
    niceness: int = 0


@dataclass(frozen=True)
class Answer:
    """Rows, and the names of their columns."""

    columns: Sequence[str]
    rows: list[Row]


class Pool:
    """At most `limits.workers` queries at a time, each in a worker of its own."""

    def __init__(self, file: Path, limits: Limits, longest_cell: int) -> None:
        """Nothing is started before the first query."""
        self._folder = file.parent
        self._limits = limits
        self._settings = Settings(
            file.name, limits.memory_megabytes, limits.threads, longest_cell, LONGEST_ANSWER, limits.niceness
        )
        self._executor = ThreadPoolExecutor(limits.workers, thread_name_prefix=f"activations-{limits.niceness}")
        self._lock = threading.Lock()
        self._idle: list[Worker] = []
        self._all: set[Worker] = set()
        self._closed = False
        self._end = weakref.finalize(self, _kill, self._all)

    @property
    def pids(self) -> list[int]:
        """The process ids of its workers."""
        with self._lock:
            return sorted(worker.pid for worker in self._all)

    async def ask(self, statement: Statement, rows: int | None, seconds: float) -> Answer:
        """At most `rows` rows of a statement; waits where all workers are busy.

        Raises:
            InterruptedQueryError: the time was up.
            UnavailableError: too many wait before it, or the file cannot be opened.
            FailedQueryError: it cannot be run, or it took more than it may.
        """
        request = {"sql": statement.sql, "parameters": statement.parameters, "rows": rows, "seconds": seconds}
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, self._run, request, time.monotonic())

    def close(self) -> None:
        """End every worker; what still waits for one fails."""
        with self._lock:
            self._closed = True
            for worker in self._all:
                worker.stop()
        self._executor.shutdown(wait=True, cancel_futures=True)
        self._end()

    def _run(self, request: dict[str, Any], since: float) -> Answer:
        if time.monotonic() - since > PATIENCE_SECONDS:
            raise UnavailableError(BUSY)
        worker = self._take()
        try:
            message = worker.ask(request)
        except BaseException as error:
            self._drop(worker)
            if isinstance(error, ChildLostError):
                raise FailedQueryError(self._out_of_memory()) from None
            raise
        if message.get("worn"):
            self._drop(worker)
        else:
            self._put_back(worker)
        return self._answer(message)

    def _answer(self, message: dict[str, Any]) -> Answer:
        match message.get("error"):
            case None:
                return Answer(message["columns"], duckdb_answer_rows(message["columns"], message["rows"]))
            case "interrupted":
                raise InterruptedQueryError
            case "memory":
                raise FailedQueryError(self._out_of_memory())
            case _:
                raise FailedQueryError(message["message"])

    def _out_of_memory(self) -> str:
        return (
            f"out of memory: a query may take {self._limits.memory_megabytes:,} MB; "
            "ask for fewer rows, or aggregate before you join"
        )

    def _take(self) -> Worker:
        """An idle worker or a new one; where another fits, a spare is started beside it."""
        with self._lock:
            if self._closed:
                raise UnavailableError("the database is closed")
            worker = self._living() or self._start()
            self._warm_spare()
            return worker

    def _living(self) -> Worker | None:
        """The worker that was used last, unless it was killed while it waited."""
        while self._idle:
            worker = self._idle.pop()
            if worker.alive:
                return worker
            worker.kill()
            self._all.discard(worker)
        return None

    def _put_back(self, worker: Worker) -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(worker)

    def _drop(self, worker: Worker) -> None:
        """Kill a worker, and have its successor start while nobody waits."""
        worker.kill()
        with self._lock:
            self._all.discard(worker)
            if not self._closed:
                self._warm_spare()

    def _warm_spare(self) -> None:
        if not self._idle and len(self._all) < self._limits.workers:
            self._idle.append(self._start())

    def _start(self) -> Worker:
        worker = Worker(self._folder, self._settings)
        self._all.add(worker)
        return worker


def _kill(workers: set[Worker]) -> None:
    while workers:
        workers.pop().kill()
