"""The `VideoChecker` of local files: each look takes place in a child process, since the file may be hostile."""

from pathlib import Path

from infra.media.limited import CallFailed, LimitedProcesses
from schemas.domain.checks import CheckRules, Measures
from schemas.ports import NotMeasured

_MEASURE = "infra.media.measure"


class ChildChecker:
    """Measures up to `count` videos at once."""

    def __init__(self, count: int) -> None:
        self._children = LimitedProcesses(count)

    async def measure(
        self, video: Path, rules: CheckRules, *, reference: Path | None = None, within_s: float
    ) -> Measures:
        try:
            found: Measures = await self._children.run(_MEASURE, "measure", video, rules, reference, within_s=within_s)
        except CallFailed as error:
            raise NotMeasured(str(error)) from error
        return found

    async def aclose(self) -> None:
        """End the children at once."""
        self._children.close()
