"""The layout of the database file, and the migrations of older files to it."""

import sqlite3

from infra.embedded.search import add_terms, fill_terms
from schemas.errors import Invalid

_MESSAGES = (
    """CREATE TABLE subscriptions (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        topic TEXT NOT NULL,
        dead_letter_topic TEXT,
        max_deliveries INTEGER NOT NULL,
        expires_at INTEGER               -- ms; null: it stays
    )""",
    "CREATE INDEX subscriptions_of_topic ON subscriptions (topic)",
    # AUTOINCREMENT: an id is never used again, so a late settlement can't hit another message.
    """CREATE TABLE messages (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        data BLOB NOT NULL,
        attributes TEXT NOT NULL
    )""",
    """CREATE TABLE deliveries (
        message_id INTEGER NOT NULL,
        subscription_id INTEGER NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        visible_at INTEGER NOT NULL,     -- ms; of a leased one: when the lease ends
        lease TEXT,
        PRIMARY KEY (message_id, subscription_id)
    ) WITHOUT ROWID""",
    "CREATE INDEX deliveries_in_turn ON deliveries (subscription_id, visible_at, message_id)",
    "CREATE UNIQUE INDEX deliveries_leased ON deliveries (lease) WHERE lease IS NOT NULL",
    # A message is stored for as long as a subscription still needs it.
    """CREATE TRIGGER messages_no_longer_needed AFTER DELETE ON deliveries
        WHEN NOT EXISTS (SELECT 1 FROM deliveries WHERE message_id = OLD.message_id)
        BEGIN DELETE FROM messages WHERE id = OLD.message_id; END""",
    """CREATE TABLE dead_letters (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        subscription TEXT NOT NULL,
        topic TEXT NOT NULL,
        data BLOB NOT NULL,
        attributes TEXT NOT NULL,
        deliveries INTEGER NOT NULL,
        cause TEXT NOT NULL,
        died_at INTEGER NOT NULL
    )""",
)

_JOBS = (
    """CREATE TABLE jobs (
        job_id TEXT PRIMARY KEY,
        revision INTEGER NOT NULL,
        state TEXT NOT NULL,
        project_id TEXT,
        fingerprint TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        next_check_at INTEGER,
        stored_at INTEGER NOT NULL,
        record TEXT NOT NULL
    )""",
    "CREATE INDEX jobs_by_age ON jobs (created_at DESC, job_id)",
    "CREATE INDEX jobs_by_state ON jobs (state, created_at DESC, job_id)",
    "CREATE INDEX jobs_by_project ON jobs (project_id, created_at DESC, job_id) WHERE project_id IS NOT NULL",
    "CREATE INDEX jobs_by_project_state ON jobs (project_id, state, created_at DESC, job_id)"
    " WHERE project_id IS NOT NULL",
    "CREATE INDEX jobs_by_fingerprint ON jobs (fingerprint, created_at DESC, job_id)",
    "CREATE INDEX jobs_by_due ON jobs (next_check_at, job_id) WHERE next_check_at IS NOT NULL",
)

_CALLERS = (
    "ALTER TABLE jobs ADD COLUMN caller TEXT",
    "CREATE INDEX jobs_by_caller ON jobs (caller, created_at DESC, job_id) WHERE caller IS NOT NULL",
    "CREATE INDEX jobs_by_caller_state ON jobs (caller, state, created_at DESC, job_id) WHERE caller IS NOT NULL",
)

_BUDGETS = (
    """CREATE TABLE budget_slices (
        name TEXT PRIMARY KEY,
        terms TEXT NOT NULL,
        allotted TEXT NOT NULL,          -- US dollars, exact; as `used`
        used TEXT NOT NULL,
        revision INTEGER NOT NULL
    ) WITHOUT ROWID""",
)

# Many jobs of other callers may match a caller's condition: an index on one column would read them all.
_CALLERS_OWN = (
    "CREATE INDEX jobs_by_caller_project ON jobs (caller, project_id, created_at DESC, job_id)"
    " WHERE caller IS NOT NULL AND project_id IS NOT NULL",
    "CREATE INDEX jobs_by_caller_project_state ON jobs (caller, project_id, state, created_at DESC, job_id)"
    " WHERE caller IS NOT NULL AND project_id IS NOT NULL",
    "CREATE INDEX jobs_by_caller_fingerprint ON jobs (caller, fingerprint, created_at DESC, job_id)"
    " WHERE caller IS NOT NULL",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (_MESSAGES + _JOBS, _CALLERS, _BUDGETS, _CALLERS_OWN)
"""What each version adds. Released versions never change. `user_version` of the file counts those that it has."""


# Not counted as a version: a program of the release before can open the file. It maintains the index, and does not use
# the tables. The lane is read from the record, since such a program would leave a column of its own empty.
QUEUE_KEY = "coalesce(caller, project_id, '')"
LANE = "CASE WHEN json_valid(record) THEN coalesce(json_extract(record, '$.request.priority'), 'interactive') END"
_BESIDE = (
    f"CREATE INDEX IF NOT EXISTS jobs_in_turn ON jobs ({QUEUE_KEY}, {LANE}, created_at, job_id) WHERE state = 'queued'",
    """CREATE TABLE IF NOT EXISTS worker_beats (
        slot INTEGER PRIMARY KEY,
        owner TEXT NOT NULL,
        at INTEGER NOT NULL              -- ms
    )""",
    """CREATE TABLE IF NOT EXISTS worker_reports (
        slot INTEGER PRIMARY KEY,
        owner TEXT NOT NULL,
        report TEXT NOT NULL             -- JSON
    )""",
    """CREATE TABLE IF NOT EXISTS wall_clock (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        boot_id TEXT NOT NULL,
        ahead_ms INTEGER NOT NULL        -- of the boot-time clock
    )""",
    # AUTOINCREMENT: a version never comes again, also if a job is parked after it was removed.
    """CREATE TABLE IF NOT EXISTS parked_jobs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        job_id TEXT NOT NULL UNIQUE,
        priority TEXT NOT NULL,
        key TEXT NOT NULL,
        tag INTEGER NOT NULL,
        version INTEGER NOT NULL DEFAULT 1
    )""",
    "CREATE INDEX IF NOT EXISTS parked_jobs_in_turn ON parked_jobs (priority, tag, id)",
    "CREATE INDEX IF NOT EXISTS parked_jobs_of_key ON parked_jobs (priority, key, tag)",
    """CREATE TABLE IF NOT EXISTS webhook_deliveries (
        delivery_id TEXT PRIMARY KEY,
        job_id TEXT NOT NULL,
        caller TEXT,
        host TEXT NOT NULL,
        state TEXT NOT NULL,
        created_at INTEGER NOT NULL,     -- ms
        next_at INTEGER,                 -- ms; null: no attempt is due
        revision INTEGER NOT NULL,
        record TEXT NOT NULL
    )""",
    "CREATE INDEX IF NOT EXISTS webhook_deliveries_due ON webhook_deliveries (next_at) WHERE next_at IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS webhook_deliveries_by_age ON webhook_deliveries (created_at DESC, delivery_id)",
    "CREATE INDEX IF NOT EXISTS webhook_deliveries_of_job ON webhook_deliveries (job_id)",
    """CREATE TABLE IF NOT EXISTS disabled_endpoints (
        name TEXT NOT NULL,
        address TEXT NOT NULL,           -- a digest
        record TEXT NOT NULL,
        PRIMARY KEY (name, address)
    ) WITHOUT ROWID""",
)

_FILMS = """CREATE TABLE IF NOT EXISTS films (
        film_id TEXT PRIMARY KEY,
        state TEXT NOT NULL,
        project_id TEXT,
        caller TEXT,
        created_at INTEGER NOT NULL DEFAULT 0,  -- ms
        next_check_at INTEGER,           -- ms; null: nothing goes on by itself
        retention_start INTEGER,         -- ms; null: it has not ended, or is erased
        revision INTEGER NOT NULL,
        record TEXT NOT NULL
    )"""
_FILM_COLUMNS = {
    "project_id": "TEXT",
    "caller": "TEXT",
    "created_at": "INTEGER NOT NULL DEFAULT 0",
    "retention_start": "INTEGER",
}
"""What the table did not have at first, while no release had it."""
_MS = "CAST(round((julianday(json_extract(record, '$.{}')) - 2440587.5) * 86400000) AS INTEGER)"
_FILL_FILM_COLUMNS = f"""
    UPDATE films SET project_id = json_extract(record, '$.request.project_id'),
        caller = json_extract(record, '$.caller'), created_at = {_MS.format("created_at")},
        retention_start = CASE WHEN state IN ('succeeded', 'held', 'failed', 'cancelled')
            THEN {_MS.format("changed_at")} END
    WHERE json_valid(record)
"""
_FILM_INDEXES = (
    "CREATE INDEX IF NOT EXISTS films_by_age ON films (created_at DESC, film_id)",
    "CREATE INDEX IF NOT EXISTS films_by_state ON films (state, created_at DESC, film_id)",
    "CREATE INDEX IF NOT EXISTS films_by_project ON films (project_id, created_at DESC, film_id)"
    " WHERE project_id IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS films_by_caller ON films (caller, created_at DESC, film_id) WHERE caller IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS films_by_end ON films (retention_start) WHERE retention_start IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS films_by_due ON films (next_check_at) WHERE next_check_at IS NOT NULL",
)


def migrate(connection: sqlite3.Connection) -> None:
    """Change the file to the newest layout. Processes may do this at once: the first one changes it."""
    connection.execute("BEGIN IMMEDIATE")
    with connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > len(MIGRATIONS):
            raise Invalid(f"the database has layout {version}, newer than this program's {len(MIGRATIONS)}")
        for statements in MIGRATIONS[version:]:
            for statement in statements:
                connection.execute(statement)
        for statement in _BESIDE:
            connection.execute(statement)
        _make_films(connection)
        add_terms(connection)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    fill_terms(connection)


def _make_films(connection: sqlite3.Connection) -> None:
    connection.execute(_FILMS)
    there = {name for _, name, *_ in connection.execute("PRAGMA table_info(films)")}
    if missing := _FILM_COLUMNS.keys() - there:
        for name in missing:
            connection.execute(f"ALTER TABLE films ADD COLUMN {name} {_FILM_COLUMNS[name]}")
        connection.execute(_FILL_FILM_COLUMNS)
    for statement in _FILM_INDEXES:
        connection.execute(statement)
