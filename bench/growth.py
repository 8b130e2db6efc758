"""What one operation costs while the number of jobs in the store, and of requests on the bus, grows."""

import asyncio
import json
import os
import uuid
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Literal
from unittest.mock import patch

from bench.figure import Figure, Side
from bench.growth_operations import OF_THE_BUS, OF_THE_STORE, Operation
from bench.growth_places import Place, firestore_place, sqlite_place
from bench.process import ROOT
from infra.gcp.emulators import find_emulators, run_emulators

SIZES = (10**2, 10**3, 10**4, 10**5, 10**6)
FIRESTORE_SIZES = (10**2, 10**3, 10**4)
"""The emulator answers a query by going through all documents: more would say nothing about Firestore."""
ROUNDS = 9
"""Many short ones: a core that sleeps for a moment then spoils one round and not the figure."""
PATIENCE = 10
"""The emulator takes ten times as long for a call as the file does: so many times fewer calls."""
GOAL = 2.0
"""The logarithm of a million is twice that of a thousand; that of ten thousand twice that of a hundred."""
CURVES = ROOT / "bench" / "growth.json"
BY_KEY = ("status", "claim")
"""What the Firestore emulator answers without going through all documents."""
Store = Literal["SQLite", "Firestore emulator"]
Costs = Mapping[str, Mapping[int, Sequence[float]]]
"""Operation by operation, size by size: milliseconds for each call, one figure a round."""


def measure() -> Sequence[Figure]:
    """On the embedded default, and on the Firestore emulator. The curves are kept in `bench/growth.json`."""
    sqlite = asyncio.run(_sqlite())
    firestore = _firestore()
    CURVES.write_text(json.dumps({"SQLite": sqlite, "Firestore emulator": firestore}, indent=1) + "\n")
    return [
        *(_figure(name, "SQLite", sqlite[name], (10**6, 10**3)) for name in sqlite),
        *(_figure(name, "Firestore emulator", firestore[name], (10**4, 10**2)) for name in BY_KEY),
    ]


def _figure(name: str, store: Store, costs: Mapping[int, Sequence[float]], sizes: tuple[int, int]) -> Figure:
    many, few = sizes
    return Figure(
        name=f"growth, {name}, {store}",
        goal=GOAL,
        ours=Side(what=f"with {many:,} there", unit="ms", rounds=tuple(costs[many])),
        theirs=Side(what=f"with {few:,}", unit="ms", rounds=tuple(costs[few])),
    )


async def _sqlite() -> Costs:
    async with AsyncExitStack() as stack:
        places = {size: await stack.enter_async_context(sqlite_place(size)) for size in SIZES}
        return await _costs(places, {**OF_THE_STORE, **OF_THE_BUS})


def _firestore() -> Costs:
    with run_emulators(find_emulators()) as addresses, patch.dict(os.environ, addresses):
        return asyncio.run(_on_the_emulator())


async def _on_the_emulator() -> Costs:
    unique = uuid.uuid4().hex[:8]
    async with AsyncExitStack() as stack:
        places = {
            size: await stack.enter_async_context(firestore_place(f"growth-{unique}-{size}", size))
            for size in FIRESTORE_SIZES
        }
        fewer = {name: replace(each, calls=max(1, each.calls // PATIENCE)) for name, each in OF_THE_STORE.items()}
        return await _costs(places, fewer)


async def _costs(places: Mapping[int, Place], operations: Mapping[str, Operation]) -> Costs:
    """Every size in turns, for each operation; the round before the first fills the caches."""
    found: dict[str, dict[int, list[float]]] = {name: {size: [] for size in places} for name in operations}
    for _ in range(1 + ROUNDS):
        for name, operation in operations.items():
            for size, place in places.items():
                found[name][size].append(1000 * await operation.measured(place, operation.calls) / operation.calls)
    return {name: {size: rounds[1:] for size, rounds in sizes.items()} for name, sizes in found.items()}
