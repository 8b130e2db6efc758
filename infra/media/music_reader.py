"""The `MusicReader` of local files: each look takes place in a child process, since the file may be hostile."""

import asyncio
import os
from contextlib import closing
from pathlib import Path

from infra.media.limited import CallFailed, CallRaised, LimitedProcesses
from schemas.ports import NotMusic

_MUSIC = "infra.media.music"
_CPU_AT_MOST_S = 10.0
"""Half an hour of stereo takes a third of it. CPU time, so that a busy machine refuses no good file."""


class ChildMusicReader:
    """Looks at one file at a time. The child ends with the call: few films are ordered, and fewer have music."""

    def __init__(self, *, cpu_at_most_s: float = _CPU_AT_MOST_S) -> None:
        self._cpu_at_most_s = cpu_at_most_s
        self._one_at_a_time = asyncio.Lock()

    async def examine(self, file: Path, *, within_s: float) -> str:
        async with self._one_at_a_time:
            with closing(LimitedProcesses(1)) as children:
                try:
                    extension, reason = await children.run(
                        _MUSIC, "examine", file, within_s=within_s, cpu_at_most_s=self._cpu_at_most_s
                    )
                except CallFailed as error:
                    raise NotMusic(f"can't be read as sound: {error}") from error
        if reason:
            raise NotMusic(reason)
        return str(extension)


async def write_samples(source: Path, to: Path, *, seconds: float, within_s: float) -> int:
    """Write the decoded sound of so many seconds, see `infra.media.music`.

    Raises `NotMusic`, `OSError`, and `CallFailed` if the child had no answer: since the music was read before, the
    machine may be at fault then.
    """
    with closing(LimitedProcesses(1)) as children:
        try:
            found = await children.run(_MUSIC, "write_samples", source, to, seconds, within_s=within_s)
        except CallRaised as error:
            raise NotMusic(f"can't be read as sound: {error}") from error
    if found < 0:
        raise OSError(-found, os.strerror(-found))
    return int(found)
