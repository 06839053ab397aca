"""What pages keep: read once however many ask, and again after a failure."""

import asyncio

import pytest

from atlas.site.pages.cache import Cache


class Reading:
    """A slow reading that counts how often it was begun; the first few fail."""

    def __init__(self, failures: int = 0) -> None:
        self.begun, self.failures = 0, failures

    async def __call__(self) -> int:
        self.begun += 1
        number = self.begun
        await asyncio.sleep(0.01)
        if number <= self.failures:
            raise ValueError(number)
        return number


def test_many_who_ask_at_once_await_one_reading() -> None:
    memory: Cache[int] = Cache(10)
    read = Reading()

    async def ask() -> list[int]:
        return await asyncio.gather(*(memory.once("page", read) for _ in range(50)))

    assert asyncio.run(ask()) == [1] * 50
    assert memory.get("page") == 1


def test_a_failure_is_everybodys_and_the_next_one_reads_again() -> None:
    memory: Cache[int] = Cache(10)
    read = Reading(failures=1)

    async def ask() -> list[int | BaseException]:
        return await asyncio.gather(*(memory.once("page", read) for _ in range(3)), return_exceptions=True)

    assert [str(error) for error in asyncio.run(ask())] == ["1"] * 3
    assert asyncio.run(ask()) == [2] * 3


def test_one_who_gives_up_does_not_end_the_reading_of_the_others() -> None:
    memory: Cache[int] = Cache(10)
    read = Reading()

    async def ask() -> int:
        first, second = (asyncio.ensure_future(memory.once("page", read)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        return await second

    assert asyncio.run(ask()) == 1
    assert read.begun == 1


def test_a_failure_that_nobody_awaits_any_more_is_not_logged() -> None:
    memory: Cache[int] = Cache(10)
    read, told = Reading(failures=1), list[object]()

    async def ask() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context))
        asking = asyncio.ensure_future(memory.once("page", read))
        await asyncio.sleep(0)
        asking.cancel()
        await asyncio.sleep(0.05)

    asyncio.run(ask())
    assert read.begun == 1
    assert told == []
