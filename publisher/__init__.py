"""Puts requests on the bus: use cases as plain functions over ports, the HTTP facade, the CLI and the Node client."""
