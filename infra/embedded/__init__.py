"""The default adapters: SQLite, a folder and a local renderer; no account and no server."""
