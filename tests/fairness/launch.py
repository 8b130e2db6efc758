"""The real worker with our model: `python -m tests.fairness.launch …`.

In the environment, beside the product's own settings:
`FAIR_ORDER` the file of the submits
`FAIR_PRICE` what a clip costs
`FAIR_POINTS` a file for the points that the worker passes, if it is to be killed
`FAIR_AT` the point at which it kills itself
"""

import os
from pathlib import Path
from typing import Any, cast

import subscriber.compose
from infra.adapters import Adapters
from schemas.ports import Bus, JobStore, ParkedJobs, VideoModel, VideoStore
from subscriber.__main__ import main
from tests.crash.labels import Labels
from tests.crash.points import Points
from tests.crash.taps import BusTap, Tap
from tests.fairness.model import RefusingModel


class FairAdapters(Adapters):
    """The product's, but for the model."""

    async def model(self, url: str, *, videos: VideoStore, **how: Any) -> VideoModel:
        """Ours, whatever the settings name."""
        model = RefusingModel(Path(os.environ["FAIR_ORDER"]), os.environ.get("FAIR_PRICE", "0"))
        self.close_at_exit(model.aclose)
        return model


class DyingAdapters(FairAdapters):
    """With a point before and after every call of bus and stores."""

    def __init__(self) -> None:
        super().__init__()
        self._points = Points(Path(os.environ["FAIR_POINTS"]), fatal=os.environ.get("FAIR_AT"))
        self._labels = Labels()

    async def bus(self, url: str, **how: Any) -> Bus:
        """Tapped."""
        return cast("Bus", BusTap("bus", await super().bus(url, **how), self._points, self._labels))

    async def jobs(self, url: str) -> JobStore:
        """Tapped."""
        return cast("JobStore", Tap("jobs", await super().jobs(url), self._points, self._labels))

    async def jobs_parked(self, jobs_url: str) -> ParkedJobs:
        """Tapped."""
        return cast("ParkedJobs", Tap("parked", await super().jobs_parked(jobs_url), self._points, self._labels))


if __name__ == "__main__":
    vars(subscriber.compose)["Adapters"] = DyingAdapters if "FAIR_POINTS" in os.environ else FairAdapters
    main(prog_name="reelbus worker")
