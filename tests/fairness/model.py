"""A model that answers at once and writes down in which order it was asked."""

import asyncio
import os
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from schemas.domain.clip import Clip, Plan, PlannedClip
from schemas.errors import Category, Charged, Failure, SubmitRefused
from schemas.ports import Answer, Missing
from schemas.wire.request import VideoRequest

SAFETY = Failure(
    category=Category.SAFETY_FILTER, code="safety_filter", message="The prompt was refused.", charged=Charged.NO
)
GATE_LOOK_S = 0.02


class RefusingModel:
    """Refuses every submit: a job ends with one answer, and costs the machine no film.

    `order` is the file of the job ids in the order of the submits. While the file `order.closed` exists, no submit is
    answered.
    """

    poll_every_s = 0.0

    def __init__(self, order: Path, price_usd: str) -> None:
        self._file = os.open(order, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._gate = order.with_suffix(".closed")
        self._price = Decimal(price_usd)

    async def prepare(self) -> None:
        """Nothing to load."""

    def plan(self, request: VideoRequest) -> Plan:
        clip = PlannedClip(model="ours", seconds=1, billed_seconds=1, price_usd=self._price, expected_s=1)
        return Plan(clips=(clip,))

    def makes(self, model: str) -> bool:
        """It makes all that it plans."""
        return True

    async def submit(
        self, request: VideoRequest, clip: Clip, sources: Sequence[str], *, send_before: float, previous: str = ""
    ) -> str:
        os.write(self._file, f"{request.job_id}\n".encode())
        while True:
            if not self._gate.exists():
                break
            await asyncio.sleep(GATE_LOOK_S)
        raise SubmitRefused(SAFETY)

    async def poll(self, operation: str, *, request: VideoRequest | None = None) -> Answer:
        return Missing()

    async def recover(self, prefix: str) -> Sequence[str]:
        return ()

    async def discard(self, operation: str) -> None:
        """There is nothing to stop."""

    async def aclose(self) -> None:
        os.close(self._file)
