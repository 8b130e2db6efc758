"""Budget shards in the file that holds the jobs: one transaction reserves the money and claims the clip."""

import sqlite3
from collections.abc import Sequence
from decimal import Decimal
from functools import partial

from infra.embedded.database import Database
from infra.embedded.jobs import save_job
from schemas.domain.budget import BudgetShard
from schemas.domain.job import Job
from schemas.errors import Conflict

_INSERT = """
    INSERT INTO budget_slices (terms, allotted, used, name, revision) VALUES (?, ?, ?, ?, 1)
    ON CONFLICT (name) DO NOTHING
"""
_UPDATE = """
    UPDATE budget_slices SET terms = ?, allotted = ?, used = ?, revision = revision + 1
    WHERE name = ? AND CAST(revision AS TEXT) = ?
"""


class SqliteBudgets:
    """`Budgets` on the shared file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, names: Sequence[str]) -> Sequence[BudgetShard]:
        return await self._database.read(partial(_read, names=names))

    async def reserve(self, job: Job, slices: Sequence[BudgetShard]) -> Job:
        return await self._database.write(partial(_reserve, job=job, slices=slices))

    async def give_back(self, found: BudgetShard) -> None:
        await self._database.write(partial(_save, found=found))


def _read(connection: sqlite3.Connection, names: Sequence[str]) -> list[BudgetShard]:
    marks = ", ".join("?" * len(names))
    query = f"SELECT name, terms, allotted, used, revision FROM budget_slices WHERE name IN ({marks})"
    found: dict[str, BudgetShard] = {}
    for name, terms, allotted, used, revision in connection.execute(query, tuple(names)):
        amounts = {"allotted": Decimal(allotted), "used": Decimal(used)}
        found[name] = BudgetShard(name=name, terms=terms, **amounts, revision=str(revision))
    return [found.get(name) or BudgetShard(name=name) for name in names]


def _reserve(connection: sqlite3.Connection, job: Job, slices: Sequence[BudgetShard]) -> Job:
    for shard in slices:
        _save(connection, shard)
    return save_job(connection, job)


def _save(connection: sqlite3.Connection, found: BudgetShard) -> None:
    row = (found.terms, str(found.allotted), str(found.used), found.name)
    saved = connection.execute(*((_UPDATE, (*row, found.revision)) if found.revision else (_INSERT, row)))
    if saved.rowcount == 0:
        raise Conflict(f"the budget's slice {found.name} is not at revision {found.revision or '(none)'} any more")
