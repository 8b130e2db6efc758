"""`python -m bench [name …]`: measures, prints the table, and writes it down. Without a name: everything."""

import argparse
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from bench import checks, google, growth, inflight, pictures, polling, queues, renderer, startup, telemetry, waiting
from bench.figure import Figure
from bench.report import keep, table
from schemas.errors import Unavailable

BENCHMARKS: Mapping[str, Callable[[], Sequence[Figure]]] = {
    "checks": checks.measure,
    "google": google.measure,
    "growth": growth.measure,
    "inflight": inflight.measure,
    "inflight-many": inflight.measure_many,
    "polling": polling.measure,
    "queues": queues.measure,
    "renderer": renderer.measure,
    "startup": startup.measure,
    "telemetry": telemetry.measure,
    "waiting": waiting.measure,
}
ONLY_BY_NAME = frozenset({"inflight-many"})
"""Too long for every day."""


def main() -> None:
    """Exit status 0 whatever the verdicts: a figure that falls short is a result."""
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("names", nargs="*", help=f"of {', '.join(BENCHMARKS)}; without: all that are quick enough")
    names = parser.parse_args().names or [name for name in BENCHMARKS if name not in ONLY_BY_NAME]
    if unknown := set(names) - BENCHMARKS.keys():
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that every process that it started ends with it
    figures: list[Figure] = []
    for name in names:
        found = _measured(name)
        keep(found)  # at once, so that a benchmark that fails takes none of the others' figures with it
        figures.extend(found)
    pictures.main()
    sys.stdout.write(table(figures))


def _measured(name: str) -> Sequence[Figure]:
    sys.stderr.write(f"{name} …\n")
    began = time.monotonic()
    try:
        return BENCHMARKS[name]()
    except Unavailable as error:
        sys.stderr.write(f"{name} is left out: {error}\n")
        return ()
    finally:
        sys.stderr.write(f"{name} took {time.monotonic() - began:.0f} s\n")


if __name__ == "__main__":
    main()
