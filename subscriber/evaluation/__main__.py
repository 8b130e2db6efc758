"""`python -m subscriber.evaluation`: the evaluator's process. `reelbus evaluator` calls it."""

import asyncio
import os
import signal
import sys

import click
from pydantic import ValidationError

from schemas.errors import Invalid, ReelbusError, Unavailable
from schemas.wire.validation import invalid_setting
from subscriber.evaluation.settings import EvaluatorSettings

PARENT_GRACE_S = 30
"""If its parent has ended and the evaluator can't drain in this time, it is killed."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--ready-fd", type=int, hidden=True)
@click.option("--parent-fd", type=int, hidden=True)
def main(ready_fd: int | None, parent_fd: int | None) -> None:
    """Score finished videos against their prompts, where their requests or a setting ask for it. SIGTERM drains."""
    from subscriber.evaluation.compose import open_logs, run_service

    try:
        settings = EvaluatorSettings()
        open_logs(settings)
        run_service(_run(settings, ready_fd, parent_fd), settings.event_loop)
    except ValidationError as error:
        _die(2, str(invalid_setting(error)))
    except Invalid as error:
        _die(2, str(error))
    except Unavailable as error:
        _die(4, str(error))
    except ReelbusError as error:
        _die(1, str(error))
    except KeyboardInterrupt:
        _die(130, "interrupted")


def _die(status: int, words: str) -> None:
    click.echo(f"reelbus evaluator: {words}", err=True)
    sys.exit(status)


async def _run(settings: EvaluatorSettings, ready_fd: int | None, parent_fd: int | None) -> None:
    from subscriber.evaluation.compose import exit_with_parent, open_context
    from subscriber.evaluation.evaluator import Evaluator

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    if parent_fd is not None:
        exit_with_parent(parent_fd, grace_s=PARENT_GRACE_S)

    def report_ready() -> None:
        click.echo("reelbus evaluator: ready", err=True)
        if ready_fd is not None:
            os.write(ready_fd, b"ready\n")
            os.close(ready_fd)

    async with open_context(settings) as ctx:
        await Evaluator(ctx).run(stop, ready=report_ready)


if __name__ == "__main__":
    main(prog_name="reelbus evaluator")
