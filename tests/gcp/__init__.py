"""The Google adapters, against Google's own emulators and real client libraries."""
