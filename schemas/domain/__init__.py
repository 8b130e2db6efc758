"""The job's record and what may happen to it. Pure: no I/O, and no clock."""
