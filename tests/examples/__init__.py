"""The programs for downstream teams, run as the guide says."""
