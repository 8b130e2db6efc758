"""What a worker's polls are measured against: one task for each address, a pause, and a request by bare httpx.

`python -m bench.bare_poller COUNT_FILE`, with an address on each line of standard input. Says `polling`, then polls
until it is killed, with the number of its polls in the file.
"""

import asyncio
import os
import random
import sys

import httpx

EVERY_S = 10.0
AT_ONCE = 32
"""As in the worker: with httpx's own pool of 100 a thousand tasks end in time-outs on a busy machine."""


async def poll(addresses: list[str], count_file: int) -> None:
    """For ever, each about every `EVERY_S`."""
    polls = 0
    limits = httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE, keepalive_expiry=30)
    turn = asyncio.Semaphore(AT_ONCE)
    async with httpx.AsyncClient(headers={"authorization": "Bearer anonymous"}, timeout=20, limits=limits) as client:

        async def one(address: str) -> None:
            nonlocal polls
            await asyncio.sleep(EVERY_S * random.random())
            while await runs(address):
                polls += 1
                os.pwrite(count_file, polls.to_bytes(8), 0)
                await asyncio.sleep(EVERY_S * random.uniform(0.8, 1.2))

        async def runs(address: str) -> bool:
            try:
                async with turn:
                    return bool((await client.get(address)).json()["status"] == "in_progress")
            except httpx.HTTPError:  # a busy machine: it asks again, as the worker does
                return True

        sys.stdout.write("polling\n")
        sys.stdout.flush()
        await asyncio.gather(*map(one, addresses))


def main() -> None:
    """Until it is killed."""
    addresses = [line.strip() for line in sys.stdin]
    asyncio.run(poll(addresses, os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o600)))


if __name__ == "__main__":
    main()
