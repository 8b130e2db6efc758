"""The worker, with another pause between the polls of a job: `BENCH_POLL_EVERY_S`. All else is as it is."""

import os

from infra.gcp.vertex.adapter import Vertex
from subscriber.__main__ import main

if __name__ == "__main__":
    Vertex.poll_every_s = float(os.environ["BENCH_POLL_EVERY_S"])
    main(prog_name="reelbus worker")
