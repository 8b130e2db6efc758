"""A call that hangs, wants all memory or breaks its process takes down one child; the next call has a new one."""

import asyncio
import os
import select
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from infra.media.limited import CallFailed, LimitedProcesses

PATIENCE_S = 60.0


@pytest.fixture
async def children() -> AsyncIterator[LimitedProcesses]:
    with closing(LimitedProcesses(1, memory_bytes=1 << 30)) as children:
        yield children


async def test_broken_calls_take_down_no_other(children: LimitedProcesses) -> None:
    async def call(module: str, function: str, *arguments: Any, within_s: float = PATIENCE_S) -> Any:
        return await children.run(module, function, *arguments, within_s=within_s)

    pid = await call("os", "getpid")
    assert pid != os.getpid()
    assert await call("os", "getpid") == pid, "a child is kept"
    with pytest.raises(CallFailed, match="MemoryError"):
        await call("builtins", "bytearray", 8 << 30)
    with pytest.raises(CallFailed, match="ValueError: invalid literal"):
        await call("builtins", "int", "seven")
    assert await call("os", "getpid") == pid, "an error breaks no process"
    with pytest.raises(CallFailed, match="process died"):
        await call("os", "abort")
    following = await call("os", "getpid")
    assert following not in (pid, os.getpid())
    with pytest.raises(CallFailed, match="not finished"):
        await call("time", "sleep", 3600, within_s=0.2)
    assert await call("os", "getpid") not in (pid, following)


async def test_a_call_whose_process_is_killed_fails_at_once(children: LimitedProcesses, tmp_path: Path) -> None:
    pid = await children.run("os", "getpid", within_s=PATIENCE_S)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    waiting = asyncio.create_task(children.run("builtins", "open", str(fifo), within_s=PATIENCE_S))
    with await asyncio.to_thread(open, fifo, "wb"):  # it returns once the child has opened the other end
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(CallFailed):
            await waiting


async def test_a_call_that_computes_for_too_long_is_ended_by_the_system(children: LimitedProcesses) -> None:
    computing = children.run("builtins", "exec", "while True: pass", within_s=PATIENCE_S, cpu_at_most_s=0.1)
    with pytest.raises(CallFailed, match="it took more than 0 s of CPU time"):
        await computing
    assert await children.run("os", "getpid", within_s=PATIENCE_S)


async def test_what_waits_for_a_child_is_given_up_as_well(children: LimitedProcesses) -> None:
    await children.run("os", "getpid", within_s=PATIENCE_S)
    first = asyncio.create_task(children.run("time", "sleep", 3600, within_s=2))
    await asyncio.sleep(0)
    with pytest.raises(CallFailed, match="not begun"):
        await children.run("os", "getpid", within_s=0.1)
    with pytest.raises(CallFailed, match="not finished"):
        await first


async def test_the_children_end_with_the_pool() -> None:
    children = LimitedProcesses(1)
    pid = await children.run("os", "getpid", within_s=PATIENCE_S)
    sleeping = asyncio.create_task(children.run("time", "sleep", 3600, within_s=PATIENCE_S))
    await asyncio.sleep(0)
    children.close()
    with pytest.raises(CallFailed):
        await sleeping
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


PARENT = """
import asyncio, sys
from infra.media.limited import LimitedProcesses

hold = f"import time; held = open({sys.argv[1]!r}, 'wb'); time.sleep(3600)"
asyncio.run(LimitedProcesses(1).run("builtins", "exec", hold, within_s=3600))
"""


async def test_the_children_end_with_a_killed_parent(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", PARENT, str(fifo))
    try:
        with await asyncio.to_thread(open, fifo, "rb") as held:  # it returns once the child has opened the other end
            parent.kill()
            ended, _, _ = await asyncio.to_thread(select.select, [held], [], [], PATIENCE_S)
            assert ended, "the child still runs"
    finally:
        with suppress(ProcessLookupError):
            parent.kill()
        await parent.wait()
