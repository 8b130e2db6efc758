"""What one job costs beside the model's own time, here and with the queues that a user would take instead.

One caller's calls (overhead) and 32 callers at once (throughput, processor time). All sides of a comparison are open at
once and take turns; the side whose turn it is not has nothing to do.
"""

import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

from bench.deployments import (
    WARM,
    Answers,
    Deployment,
    Editor,
    Opener,
    open_celery,
    open_dbos,
    open_procrastinate,
    open_reelbus,
)
from bench.figure import Figure, Side
from bench.floor import measure_floor
from schemas.errors import Unavailable

ALONE, AT_ONCE = 100, 32
JOBS: Mapping[Editor, int] = {"codecs": 100, "plain": 300}
"""A round of a few seconds."""
WORKERS: Mapping[Editor, int] = {"codecs": 2, "plain": 1}
"""What does best on two cores with many callers: codecs keep more than one interpreter busy."""
ROUNDS, TRIALS = 4, 2
PRICE_USD = "0.4"
PAID_GOAL = 1.75
OURS = "embedded default (SQLite with synchronous=FULL, a free model)"
_POSTGRES = "on PostgreSQL (its defaults: every commit flushed)"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Peer:
    """A queue, the forms in which it might do best, and the goals against it by editor."""

    name: str
    description: str
    forms: Mapping[str, Opener]
    overhead: Mapping[Editor, float]
    throughput: Mapping[Editor, float]
    cpu: Mapping[Editor, float]


PEERS = (
    Peer(
        name="Celery",
        description=f"Celery {version('celery')} ({{form}}, the best of its pools here; acks late, prefetch 1) with "
        "Redis (appendfsync always), a SQLite record (synchronous=FULL)",
        forms={
            "prefork 2": partial(open_celery, pool="prefork", concurrency=2),
            "prefork 6": partial(open_celery, pool="prefork", concurrency=6),
            "threads 8": partial(open_celery, pool="threads", concurrency=8),
        },
        overhead={"codecs": 0.95, "plain": 0.75},
        throughput={"codecs": 1.1, "plain": 1.7},
        cpu={"plain": 0.5},
    ),
    Peer(
        name="DBOS",
        description=f"DBOS {version('dbos')} ({{form}} workflows, the better of the two here) {_POSTGRES}",
        forms={"threads": partial(open_dbos, form="threads"), "async": partial(open_dbos, form="async")},
        overhead={"plain": 0.5},
        throughput={"plain": 4},
        cpu={},
    ),
    Peer(
        name="procrastinate",
        description=f"procrastinate {version('procrastinate')} (concurrency {{form}}, the better here) {_POSTGRES}",
        forms={
            "8": partial(open_procrastinate, concurrency=8),
            "32": partial(open_procrastinate, concurrency=32),
        },
        overhead={"plain": 0.7},
        throughput={"plain": 2},
        cpu={},
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Round:
    """One turn of one side."""

    alone: Answers
    many: Answers
    cpu_ms: float
    """Processor time of a job with many callers, all processes of the side."""


def measure() -> Sequence[Figure]:
    """With the codecs' work, which all sides share, and without it.

    A peer whose server is not installed is left out.
    """
    return [*_measure("plain", ", without codecs"), *_measure("codecs", "")]


def _measure(editor: Editor, suffix: str) -> list[Figure]:
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="reelbus-bench-")))
        sides = {"reelbus": stack.enter_context(open_reelbus(root / "reelbus", editor, workers=WORKERS[editor]))}
        if editor == "plain":
            sides["paid"] = stack.enter_context(open_reelbus(root / "paid", editor, price_usd=PRICE_USD))
        peers = {}
        for peer in PEERS:
            if editor in peer.overhead and (found := _open_peer(peer, editor, root, stack)):
                peers[peer], sides[peer.name] = found
        rounds, floor = _take_turns(sides, editor, root)
    ours = rounds["reelbus"]
    figures = [_tail(ours, suffix)]
    if editor == "plain":
        figures += [_above_floor(ours, floor), _compare_paid(rounds["paid"], ours)]
    for peer, description in peers.items():
        figures += _compare(peer, description, editor, suffix, ours, rounds[peer.name])
    return figures


def _take_turns(
    sides: Mapping[str, Deployment], editor: Editor, root: Path
) -> tuple[Mapping[str, Sequence[Round]], Sequence[float]]:
    """Return the rounds of each side, and the floor of each round in milliseconds."""
    for side in sides.values():
        side.ask(WARM, 8, "warm")
    rounds: dict[str, list[Round]] = {name: [] for name in sides}
    floor = []
    for number in range(ROUNDS):
        for name, side in sides.items():
            rounds[name].append(_run_round(side, editor, number))
        floor.append(measure_floor(root / f"floor-{number}"))
    return rounds, floor


def _open_peer(peer: Peer, editor: Editor, root: Path, stack: ExitStack) -> tuple[str, Deployment] | None:
    """Return the description of the peer's best form, and its deployment. None if a program is missing."""
    try:
        form = _find_best_form(peer, editor, root)
        deployment = stack.enter_context(peer.forms[form](root / peer.name, editor))
    except Unavailable as error:
        sys.stderr.write(f"{peer.name} is left out: {error}\n")
        return None
    return peer.description.format(form=form), deployment


def _find_best_form(peer: Peer, editor: Editor, root: Path) -> str:
    """Try the forms in turns and return the one that does most jobs a second."""
    with ExitStack() as stack:
        sides = {
            form: stack.enter_context(opener(root / f"{peer.name}-{number}", editor))
            for number, (form, opener) in enumerate(peer.forms.items())
        }
        for side in sides.values():
            side.ask(WARM, 8, "warm")
        trials = [
            {form: side.ask(JOBS[editor] // 2, AT_ONCE, "trial").per_s for form, side in sides.items()}
            for _ in range(TRIALS)
        ]
    return max(peer.forms, key=lambda form: max(trial[form] for trial in trials))


def _run_round(side: Deployment, editor: Editor, number: int) -> Round:
    alone = side.ask(ALONE, 1, f"one-{number}")
    before = side.cpu_s()
    many = side.ask(JOBS[editor], AT_ONCE, f"many-{number}")
    return Round(alone=alone, many=many, cpu_ms=1000 * (side.cpu_s() - before) / JOBS[editor])


def _compare(
    peer: Peer, described: str, editor: Editor, suffix: str, ours: Sequence[Round], theirs: Sequence[Round]
) -> list[Figure]:
    what = f"{AT_ONCE} callers, {JOBS[editor]} jobs a round, {OURS}, workers: {WORKERS[editor]}"
    cpu_ms = statistics.median(each.cpu_ms for each in theirs)
    figures = [
        Figure(
            name=f"overhead per job against {peer.name}{suffix}",
            goal=peer.overhead[editor],
            ours=Side(what=f"p50 of one caller's calls, {ALONE} a round, {OURS}", unit="ms", rounds=_p50(ours)),
            theirs=Side(what=described, unit="ms", rounds=_p50(theirs)),
        ),
        Figure(
            name=f"throughput against {peer.name}{suffix}",
            goal=peer.throughput[editor],
            more_is_better=True,
            ours=Side(what=what, unit="jobs/s", rounds=tuple(each.many.per_s for each in ours)),
            theirs=Side(what=described, unit="jobs/s", rounds=tuple(each.many.per_s for each in theirs)),
            note=f"{cpu_ms:.1f} ms of their CPU each",
        ),
    ]
    if editor in peer.cpu:
        figures.append(
            Figure(
                name=f"CPU of a job against {peer.name}{suffix}",
                goal=peer.cpu[editor],
                ours=Side(what=f"facade and worker, {what}", unit="ms", rounds=_cpu(ours)),
                theirs=Side(
                    what=f"all processes, the server beneath too: {described}",
                    unit="ms",
                    rounds=_cpu(theirs),
                ),
            )
        )
    return figures


def _tail(ours: Sequence[Round], suffix: str) -> Figure:
    tail = tuple(each.alone.quantile_ms(0.99) for each in ours)
    return Figure(
        name=f"overhead per job{suffix}, p99",
        goal=2.0,
        ours=Side(what=f"p99 of one caller's calls, {ALONE} a round", unit="ms", rounds=tail),
        theirs=Side(what="our own p50", unit="ms", rounds=_p50(ours)),
    )


def _above_floor(ours: Sequence[Round], floor: Sequence[float]) -> Figure:
    return Figure(
        name="overhead per job above its floor, without codecs",
        goal=2.5,
        ours=Side(what=f"p50 of one caller's calls, {ALONE} a round, {OURS}", unit="ms", rounds=_p50(ours)),
        theirs=Side(what="a bare script that makes the same flushed commits and files", unit="ms", rounds=tuple(floor)),
    )


def _compare_paid(paid: Sequence[Round], free: Sequence[Round]) -> Figure:
    return Figure(
        name="CPU of a job of a paid model, without codecs",
        goal=PAID_GOAL,
        ours=Side(what="with a marker before the submit, budgets and the pace", unit="ms", rounds=_cpu(paid)),
        theirs=Side(what="our own job of a free model", unit="ms", rounds=_cpu(free)),
        note="no peer has them",
    )


def _cpu(rounds: Sequence[Round]) -> tuple[float, ...]:
    return tuple(each.cpu_ms for each in rounds)


def _p50(rounds: Sequence[Round]) -> tuple[float, ...]:
    return tuple(each.alone.quantile_ms(0.5) for each in rounds)
