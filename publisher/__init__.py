"""Publish requests and manage their jobs: use cases as functions over ports, the HTTP facade, and the CLI."""
