"""The event loop of a service: uvloop if it is installed, else the one of Python's standard library.

And what Python's garbage collector looks at while the service runs.
"""

import asyncio
import gc
from collections.abc import Callable, Coroutine
from typing import Any, Literal, TypeVar

from schemas.errors import Invalid

Choice = Literal["auto", "asyncio", "uvloop"]

T = TypeVar("T")


def run_service(main: Coroutine[Any, Any, T], choice: Choice) -> T:
    """Run the coroutine to its end, as `asyncio.run` does. Raises `Invalid` if the chosen loop is not installed."""
    try:
        factory = _find_factory(choice)
    except Invalid:
        main.close()
        raise
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)


def freeze_loaded() -> None:
    """Exempt what is loaded by now from garbage collections, for as long as the process runs.

    A service calls this when it is ready. Modules, classes and settings stay to its end, and a full collection would
    visit these 70,000 to 90,000 objects each time.
    Source: https://docs.python.org/3/library/gc.html#gc.freeze
    """
    gc.freeze()


def _find_factory(choice: Choice) -> Callable[[], asyncio.AbstractEventLoop] | None:
    if choice == "asyncio":
        return None
    try:
        import uvloop
    except ImportError:
        if choice == "uvloop":
            raise Invalid("REELBUS_EVENT_LOOP is uvloop, which is not installed", field="event_loop") from None
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
