"""What telemetry costs a job: the same deployment with a collector and without one, in turns."""

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from bench.deployments import WARM, Deployment, open_reelbus
from bench.figure import Figure, Side
from tests.telemetry.otlp import collecting

JOBS, AT_ONCE, ROUNDS = 100, 16, 5
GOAL = 1.05


def measure() -> Sequence[Figure]:
    """Processor time of facade and worker for each job, of the editor too; the collector's does not count."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="reelbus-bench-")))
        collector = stack.enter_context(collecting())
        sides: list[Deployment] = []
        for name, url in (("on", collector.url), ("off", "")):
            opening = open_reelbus(folder / name, "codecs", price_usd="0.4", collector=url)
            sides.append(stack.enter_context(opening))
        for side in sides:
            side.ask(WARM, 8, "warm")
        rounds = [[_cpu_ms(side, number) for side in sides] for number in range(ROUNDS)]
        assert collector.spans
    what = f"{AT_ONCE} callers over HTTP, {JOBS} jobs a round, all spans and metrics exported every 5 s and 60 s"
    return [
        Figure(
            name="a job with telemetry",
            goal=GOAL,
            ours=Side(what=what, unit="ms of CPU a job", rounds=tuple(on for on, _ in rounds)),
            theirs=Side(what="the same without", unit="ms of CPU a job", rounds=tuple(off for _, off in rounds)),
        )
    ]


def _cpu_ms(side: Deployment, number: int) -> float:
    before = side.cpu_s()
    side.ask(JOBS, AT_ONCE, f"round-{number}")
    return 1000 * (side.cpu_s() - before) / JOBS
