"""The client of the fork server."""

import asyncio
import os
import socket

import pytest

from tests.support.processes import ROOT, Process, fork


@pytest.mark.parametrize("waiting", [1, 2])
async def test_an_end_that_one_call_reads_is_told_to_all_that_wait(waiting: int) -> None:
    process = fork("publisher", "--version", env=os.environ, cwd=ROOT)
    tasks = [asyncio.create_task(process.ended()) for _ in range(waiting)]
    await asyncio.sleep(0)
    assert process.wait() == 0  # while the event loop stands still
    assert await asyncio.gather(*tasks) == [0] * waiting


async def test_a_wait_that_is_given_up_leaves_the_others_waiting() -> None:
    reading, writing = os.pipe()
    server = ("tests.vertex.server", "--bucket", "b", "--folder", "/nowhere")
    process = fork(*server, env=os.environ, cwd=ROOT, stdout=writing)
    os.close(writing)
    tasks = [asyncio.create_task(process.ended()) for _ in range(2)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await tasks[0]
    process.kill()
    assert await tasks[1] == -9
    os.close(reading)


def test_a_fork_server_that_ends_before_a_start_is_named() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.close()
    with ours, pytest.raises(RuntimeError, match="the fork server ended"):
        Process(ours)
