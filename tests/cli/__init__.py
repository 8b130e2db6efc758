"""The command line: real commands on real data folders, and real processes wherever a process is the point."""
