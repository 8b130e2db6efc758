"""What telemetry costs a job: the same deployment with a collector and without one, in turns."""

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from bench.deployments import WARM, Deployment, open_reelbus
from bench.figure import Figure, Side
from tests.telemetry.otlp import collecting

JOBS, AT_ONCE, ROUNDS = 100, 16, 9
# Odd, and in turns: the processor time of a job differs by a tenth from one round to the next.
GOAL = 1.05


def measure() -> Sequence[Figure]:
    """Processor time of facade and worker for each job, of the editor too; the collector's does not count."""
    return [
        _compare("a job with telemetry", "beside", "the embedded default with a model that answers at once"),
        _compare("a job with telemetry, its video not looked at", "off", "what the queue and the editor take"),
    ]


def _compare(name: str, checks: str, what: str) -> Figure:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="reelbus-bench-")))
        collector = stack.enter_context(collecting())
        sides: list[Deployment] = []
        for label, url in (("on", collector.url), ("off", "")):
            opening = open_reelbus(folder / label, "codecs", price_usd="0.4", collector=url, checks=checks)
            sides.append(stack.enter_context(opening))
        for side in sides:
            side.ask(WARM, 8, "warm")
        rounds = [[_cpu_ms(side, number) for side in sides] for number in range(ROUNDS)]
        assert collector.spans
    what = f"{what}, {AT_ONCE} callers, {JOBS} jobs a round, all spans and metrics exported every 5 s and 60 s"
    return Figure(
        name=name,
        goal=GOAL,
        ours=Side(what=what, unit="ms of CPU a job", rounds=tuple(on for on, _ in rounds)),
        theirs=Side(what="the same without", unit="ms of CPU a job", rounds=tuple(off for _, off in rounds)),
    )


def _cpu_ms(side: Deployment, number: int) -> float:
    before = side.cpu_s()
    side.ask(JOBS, AT_ONCE, f"round-{number}")
    return 1000 * (side.cpu_s() - before) / JOBS
