"""The `FileDeriver` of local files: each file is made in a child process of its own, since the video may be hostile."""

from contextlib import closing
from pathlib import Path

from infra.media.limited import CallFailed, LimitedProcesses
from schemas.ports import NotDerived

_DERIVE = "infra.media.derive"


class ChildDeriver:
    """Makes one file at a time in each call. The child ends with the call: few videos are ever asked for."""

    async def derive(self, variant: str, video: Path, to: Path, *, within_s: float) -> None:
        with closing(LimitedProcesses(1)) as children:
            try:
                await children.run(_DERIVE, "derive", variant, video, to, within_s=within_s)
            except CallFailed as error:
                raise NotDerived(str(error)) from error
