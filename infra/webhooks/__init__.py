"""Posts webhooks: one request for each attempt, to a public address only, and the secrets that sign it."""
