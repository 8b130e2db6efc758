"""Runs the looks of `reelbus doctor`, each in a thread of its own: one that hangs delays the end by its limit only.

The thread of a look that hangs is left behind, and ends with the process.
"""

import asyncio
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress

from schemas.errors import ReelbusError
from schemas.ports.findings import Finding

WITHIN_S = 25.0
"""How long one look may take: the longest wait of a single call is 10 s."""
_WORDS_AT_MOST = 300

Look = Callable[[], Iterable[Finding]]
"""Looks at one kind of thing. It may block, and raise."""
Explain = Callable[[str, str, Exception], Finding]
"""Turns the error of a look into a finding: of this kind, about the thing of this name."""


async def run_look(
    kind: str, name: str, look: Look, *, explain: Explain | None = None, within_s: float = WITHIN_S
) -> list[Finding]:
    """Return what the look found. An error becomes a finding, and so does a look that does not end in time."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()
    found = list[Finding]()

    def run() -> None:
        try:
            found.extend(look())  # what was found before an error is kept
        except Exception as error:  # noqa: BLE001 - the command shows a line for every error, and no traceback
            found.append((explain or explain_error)(kind, name, error))
        with suppress(RuntimeError):  # the command has ended without this look
            loop.call_soon_threadsafe(report_end)

    def report_end() -> None:
        if not done.done():
            done.set_result(None)

    threading.Thread(target=run, name=f"look-{kind}", daemon=True).start()
    try:
        async with asyncio.timeout(within_s):
            await done
    except TimeoutError:
        words = f"does not answer within {within_s:.0f} s"
        return [*found, Finding.wrong(kind, name, words, "check the network, the proxy and the firewall between")]
    return found


def explain_error(kind: str, name: str, error: Exception) -> Finding:
    """Return the finding of an error that no look expected."""
    remedy = "see the message" if isinstance(error, ReelbusError | OSError) else "report this as a bug of reelbus"
    return Finding.wrong(kind, name, f"can't be looked at: {one_line(error)}", remedy)


def one_line(error: BaseException) -> str:
    """Return the message of an error as one short line."""
    return " ".join(str(error).split())[:_WORDS_AT_MOST] or type(error).__name__
